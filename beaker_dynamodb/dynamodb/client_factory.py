"""Making a boto3 client, with each error on the way as one of this package's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from beaker_dynamodb.config.urls import has_userinfo, without_userinfo
from beaker_dynamodb.dynamodb.error_mapping import describe
from beaker_dynamodb.dynamodb.hooks import guard, save_work
from beaker_dynamodb.exceptions import ConfigurationError, DynamoDBError, StoreUnavailable

if TYPE_CHECKING:
    from botocore.config import Config
    from botocore.session import Session

    from beaker_dynamodb.config.options import Options

#: Connections that one process keeps open. A `config` with another number overrides it.
MAX_POOL_CONNECTIONS = 50


def make_client(options: Options) -> Any:
    """Make a client.

    :raises ConfigurationError: boto3 is missing, or an option or AWS's configuration is wrong.
    :raises StoreUnavailable: anything else, such as credentials that cannot be obtained.
    """
    try:
        client, credentials = _client_and_credentials(options)
    except ConfigurationError:
        raise
    except Exception as error:
        failure = client_error(error, options.table_name)
    else:
        guard(client)
        save_work(client, credentials)
        if options.transport != "lean":
            return client
        from beaker_dynamodb.dynamodb.lean import LeanClient

        return LeanClient(client, credentials)
    # Outside of the `except` block, so that no traceback leads to a helper's output.
    raise failure


def client_error(error: Exception, table: str) -> DynamoDBError:
    """Return the exception to raise for an error that prevents a client from being made.

    What an option or AWS's configuration can cure is a `ConfigurationError`. Everything else may
    pass, as an outage does: a helper that failed, a file that is being written.
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
        ValueError,  # an endpoint or Region of another form
    )
    explicit = isinstance(error, exceptions.PartialCredentialsError) and (
        error.kwargs.get("provider") == "explicit"
    )
    if explicit or isinstance(error, configuration):
        # An address of another form, from AWS_ENDPOINT_URL, may hold a password anywhere.
        text = "not a valid endpoint address" if "@" in str(error) else str(error)
        return ConfigurationError(
            f"boto3 cannot make a DynamoDB client: {text} (options region_name, profile_name, "
            "endpoint_url)"
        )
    return StoreUnavailable(
        f"boto3 cannot make a DynamoDB client just now ({describe(error)})", table=table
    )


def _client_and_credentials(options: Options) -> tuple[Any, Any]:
    try:
        # What boto3's own Session makes a client by. boto3 beside it would be another tenth of the
        # first request (docs/performance.md).
        import botocore.session
        from botocore.config import Config
    except ImportError as error:
        raise ConfigurationError(f"boto3 is missing ({error}): pip install boto3") from error
    # total_max_attempts counts the first try; max_attempts in a Config does not.
    attempts = options.max_attempts
    if options.transport == "lean":
        attempts = max(1, attempts - 1)  # its own is the first one
    retries: Any = {"total_max_attempts": attempts, "mode": "standard"}
    config = Config(
        connect_timeout=options.connect_timeout,
        read_timeout=options.read_timeout,
        retries=retries,
        max_pool_connections=MAX_POOL_CONNECTIONS,
        tcp_keepalive=True,
        # Both save processor time at every call: botocore otherwise rebuilds its user agent, and
        # checks shapes that are always the same here.
        user_agent=f"beaker_dynamodb Botocore/{botocore.__version__}",
        parameter_validation=False,
    )
    if options.config is not None:
        config = config.merge(options.config)
    # A session of our own: a shared one is not safe in threads.
    session = botocore.session.Session(profile=options.profile_name)
    return _client(session, options, config)


def _client(session: Session, options: Options, config: Config) -> tuple[Any, Any]:
    """Return a client, and the credentials that it signs with, or None if there are none."""
    from botocore.credentials import CredentialResolver, Credentials
    from botocore.exceptions import CredentialRetrievalError

    from beaker_dynamodb.dynamodb.credentials import guard_refresh

    credentials: Any
    if options.aws_access_key_id is None:
        try:
            credentials = session.get_credentials()
        except ValueError as error:  # a helper's output is not JSON; not to be taken for an option
            raise CredentialRetrievalError(
                provider="AWS's chain", error_msg=type(error).__name__
            ) from None
        if credentials is None:  # the search may have taken seconds; do not repeat it
            session.register_component("credential_provider", CredentialResolver([]))
        guard_refresh(credentials, options.clock)
    else:
        credentials = Credentials(
            options.aws_access_key_id,
            options.aws_secret_access_key or "",
        )
    # botocore otherwise looks through the folders of all services for that of this one, a tenth of
    # the first request. Credentials need other services later on.
    loader = session.get_component("data_loader")
    loader.list_available_services = lambda type_name: ["dynamodb"]
    try:
        client = _create(session, options, config, options.endpoint_url)
        endpoint = client.meta.endpoint_url
        if has_userinfo(endpoint):  # out of AWS_ENDPOINT_URL; botocore's errors would show it
            client = _create(session, options, config, without_userinfo(endpoint))
    finally:
        del loader.list_available_services
    return client, credentials


def _create(session: Session, options: Options, config: Config, endpoint_url: str | None) -> Any:
    return session.create_client(
        "dynamodb",
        region_name=options.region_name,
        endpoint_url=endpoint_url,
        aws_access_key_id=options.aws_access_key_id,
        aws_secret_access_key=options.aws_secret_access_key,
        config=config,
    )
