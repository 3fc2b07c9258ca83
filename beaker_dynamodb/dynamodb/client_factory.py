"""Creates boto3 clients, and translates errors raised while creating them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from beaker_dynamodb.config.options import Options
from beaker_dynamodb.config.urls import has_userinfo, without_userinfo
from beaker_dynamodb.dynamodb.guard import guard
from beaker_dynamodb.dynamodb.transport import Transport
from beaker_dynamodb.dynamodb.unanswered import describe
from beaker_dynamodb.exceptions import ConfigurationError, DynamoDBError, StoreUnavailable

if TYPE_CHECKING:
    from botocore.config import Config
    from botocore.session import Session

#: Maximum number of pooled connections. `config` overrides it.
MAX_POOL_CONNECTIONS = 50
#: Timeout for a new connection. `config` overrides it.
CONNECT_SECONDS = 1.0


def make_transport(options: Options) -> Transport:
    """Create a client and the transport that makes calls with it.

    :raises ConfigurationError: boto3 is missing, or an option or AWS's configuration is wrong.
    :raises StoreUnavailable: anything else failed, for instance obtaining credentials.
    """
    try:
        client, credentials = _client_and_credentials(options)
    except ConfigurationError:
        raise
    except Exception as error:
        failure = client_error(error, options.table_name)
    else:
        from botocore.client import BaseClient

        # Imported here because it imports botocore.
        from beaker_dynamodb.dynamodb.addresses import keep_addresses

        guard(client, options)
        keep_addresses(client)
        # If botocore is patched, the client may be of any class.
        supports_fast_calls = credentials is not None and isinstance(client, BaseClient)
        if options.transport == "boto3" or not supports_fast_calls:
            return Transport(client)
        from beaker_dynamodb.dynamodb.fast_transport import FastTransport

        try:
            return FastTransport(client, credentials, always=options.transport == "lean")
        except AttributeError:  # an unknown version of botocore
            return Transport(client)
    # Raised outside the `except` block, so that no traceback shows a credential helper's output.
    raise failure


def client_error(error: Exception, table: str) -> DynamoDBError:
    """Return the exception to raise if creating a client fails.

    It is a `ConfigurationError` if an option or AWS's configuration is wrong. Other errors may be
    temporary: a credential helper failed, or a file was being written.
    """
    from botocore import exceptions

    configuration = (
        exceptions.BaseEndpointResolverError,  # no Region
        exceptions.InvalidConfigError,
        exceptions.InvalidRetryConfigurationError,
        exceptions.ProfileNotFound,
        exceptions.UnknownServiceError,
        exceptions.UnknownSignatureVersionError,
        exceptions.UnsupportedSignatureVersionError,
        ValueError,  # a malformed endpoint or Region
    )
    explicit = isinstance(error, exceptions.PartialCredentialsError) and (
        error.kwargs.get("provider") == "explicit"
    )
    if explicit or isinstance(error, configuration):
        # A malformed AWS_ENDPOINT_URL may contain a password anywhere.
        text = "not a valid endpoint address" if "@" in str(error) else str(error)
        return ConfigurationError(
            f"boto3 cannot create a DynamoDB client: {text}. Check the options region_name "
            "and endpoint_url, and AWS_PROFILE"
        )
    return StoreUnavailable(
        f"boto3 cannot create a DynamoDB client now ({describe(error)})", table=table
    )


def _client_and_credentials(options: Options) -> tuple[Any, Any]:
    try:
        # Use botocore directly, as boto3's Session does: importing boto3 would make the first
        # request a tenth slower (docs/explanation/performance.md).
        import botocore.session
        from botocore.config import Config

        from beaker_dynamodb.dynamodb.known_regions import use_known_regions
    except ImportError as error:
        raise ConfigurationError(f"boto3 is missing ({error}): pip install boto3") from error
    # total_max_attempts counts the first attempt; max_attempts in a Config does not.
    retries: Any = {"total_max_attempts": options.max_attempts, "mode": "standard"}
    config = Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=options.read_timeout,
        retries=retries,
        max_pool_connections=MAX_POOL_CONNECTIONS,
        tcp_keepalive=True,
        # Save CPU time: by default each call builds a user agent and validates its parameters.
        user_agent=f"beaker_dynamodb Botocore/{botocore.__version__}",
        parameter_validation=False,
    )
    if options.config is not None:
        config = config.merge(options.config).merge(_with_retries(retries, options.config.retries))
    # A separate session, because sessions are not thread-safe.
    session = botocore.session.Session()
    use_known_regions(session)
    credentials = _credentials(session, options)
    return _client(session, options, config), credentials


def _credentials(session: Session, options: Options) -> Any:
    """Return the client's credentials, or None if none were found."""
    from botocore.credentials import CredentialResolver, Credentials
    from botocore.exceptions import CredentialRetrievalError

    from beaker_dynamodb.dynamodb.credentials import guard_refresh

    if options.aws_access_key_id is not None:
        return Credentials(options.aws_access_key_id, options.aws_secret_access_key or "")
    try:
        credentials = session.get_credentials()
    except ValueError as error:  # the output of a credential helper is not JSON
        raise CredentialRetrievalError(
            provider="AWS's credential chain", error_msg=type(error).__name__
        ) from None
    if credentials is None:  # botocore must not repeat the slow search
        session.register_component("credential_provider", CredentialResolver([]))
    guard_refresh(credentials, options.clock)
    return credentials


def _client(session: Session, options: Options, config: Config) -> Any:
    create = partial(
        session.create_client,
        "dynamodb",
        region_name=options.region_name,
        aws_access_key_id=options.aws_access_key_id,
        aws_secret_access_key=options.aws_secret_access_key,
        config=config,
    )
    # Otherwise botocore lists the folders of all services, which takes a tenth of the first
    # request. Restored below, because credentials may need other services later.
    loader = session.get_component("data_loader")
    loader.list_available_services = lambda type_name: ["dynamodb"]
    try:
        client: Any = create(endpoint_url=options.endpoint_url)
        endpoint = client.meta.endpoint_url
        if has_userinfo(endpoint):  # from AWS_ENDPOINT_URL; botocore's errors would show it
            client = create(endpoint_url=without_userinfo(endpoint))
    finally:
        del loader.list_available_services
    return client


def _with_retries(defaults: dict[str, Any], given: Mapping[str, Any] | None) -> Config:
    """Return a Config with the application's retry settings, and defaults for the others."""
    from botocore.config import Config

    given = given or {}
    if "max_attempts" in given:
        defaults = {k: v for k, v in defaults.items() if k != "total_max_attempts"}
    retries: Any = {**defaults, **given}
    return Config(retries=retries)
