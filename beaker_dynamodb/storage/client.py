"""The boto3 client: one per process and configuration."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

from beaker_dynamodb.errors import ConfigurationError
from beaker_dynamodb.storage.forks import after_fork, notice
from beaker_dynamodb.storage.hooks import guard, save_work

if TYPE_CHECKING:
    from botocore.config import Config
    from botocore.session import Session
    from types_boto3_dynamodb import DynamoDBClient

    from beaker_dynamodb.options import Options

#: The clock, in seconds, by a name that tests replace.
monotonic = time.monotonic

#: A client that has found no credentials is made anew at most once in so long.
REMAKE_SECONDS = 1.0

_clients: dict[tuple[Any, ...], DynamoDBClient] = {}
#: When each was made.
_made: dict[tuple[Any, ...], float] = {}
_lock = threading.Lock()


def connection_key(options: Options) -> tuple[Any, ...]:
    """Give what tells two clients apart."""
    return (
        options.region_name,
        options.endpoint_url,
        options.profile_name,
        options.aws_access_key_id,
        options.aws_secret_access_key,
        options.aws_session_token,
        options.config,
        options.connect_timeout,
        options.read_timeout,
        options.max_attempts,
        options.retry_mode,
        options.max_pool_connections,
        options.transport,
    )


class ClientSource:
    """Gives the client of one configuration; costs a look-up once the client is made."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._key = connection_key(options)
        if options.client is not None:
            guard(options.client)

    def __call__(self) -> DynamoDBClient:
        """Give the client.

        :raises ConfigurationError: boto3 is missing, or it has no Region or profile to work with.
        """
        if self._options.client is not None:
            client: DynamoDBClient = self._options.client
            return client
        notice()
        made = _clients.get(self._key)
        if made is None:
            with _lock:
                made = _clients.get(self._key)
                if made is None:
                    made = _clients[self._key] = _make(self._options)
                    _made[self._key] = monotonic()
        return made

    def failed(self, client: DynamoDBClient, error: Exception) -> None:
        """Throw a client away that has found no credentials: it does not look for them again.

        :param error: what a call of this client has raised.
        """
        from botocore.exceptions import NoCredentialsError

        if not isinstance(error, NoCredentialsError):
            return
        with _lock:
            old = _clients.get(self._key) is client
            if old and monotonic() >= _made.get(self._key, 0.0) + REMAKE_SECONDS:
                del _clients[self._key]


def _make(options: Options) -> Any:
    try:
        # What boto3's own Session makes a client by. boto3 beside it would be another tenth of the
        # first request (docs/performance.md).
        import botocore.session
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError
    except ImportError as error:
        raise ConfigurationError(f"boto3 is missing ({error}): pip install boto3") from error
    # total_max_attempts counts the first try; max_attempts in a Config does not.
    attempts = options.max_attempts
    if options.transport == "lean":
        attempts = max(1, attempts - 1)  # its own is the first one
    retries: Any = {"total_max_attempts": attempts, "mode": options.retry_mode}
    config = Config(
        connect_timeout=options.connect_timeout,
        read_timeout=options.read_timeout,
        retries=retries,
        max_pool_connections=options.max_pool_connections,
        tcp_keepalive=True,
        # Both save processor time at every call: botocore otherwise makes its user agent anew, and
        # checks shapes that are always the same here.
        user_agent=f"beaker_dynamodb Botocore/{botocore.__version__}",
        parameter_validation=False,
    )
    if options.config is not None:
        config = config.merge(options.config)
    try:
        # A session of our own: a shared one is not safe in threads.
        session = botocore.session.Session(profile=options.profile_name)
        client, credentials = _client(session, options, config)
    except (BotoCoreError, ValueError) as error:
        raise ConfigurationError(
            f"boto3 cannot make a DynamoDB client: {error} (options region_name, profile_name, "
            "endpoint_url)"
        ) from error
    guard(client)
    save_work(client, credentials)
    if options.transport != "lean":
        return client
    from beaker_dynamodb.storage.lean import LeanClient

    return LeanClient(client, credentials)


def _client(session: Session, options: Options, config: Config) -> tuple[Any, Any]:
    """Give a client, and the credentials that it signs with; None: there are none."""
    from botocore.credentials import CredentialResolver, Credentials

    credentials: Any
    if options.aws_access_key_id is None:
        credentials = session.get_credentials()
        if credentials is None:  # that may have taken seconds, and is not to be done twice
            session.register_component("credential_provider", CredentialResolver([]))
    else:
        credentials = Credentials(
            options.aws_access_key_id,
            options.aws_secret_access_key or "",
            options.aws_session_token,
        )
    # botocore otherwise looks through the folders of all services for that of this one, a tenth of
    # the first request. Credentials need other services later on.
    loader = session.get_component("data_loader")
    loader.list_available_services = lambda type_name: ["dynamodb"]
    try:
        client = session.create_client(
            "dynamodb",
            region_name=options.region_name,
            endpoint_url=options.endpoint_url,
            aws_access_key_id=options.aws_access_key_id,
            aws_secret_access_key=options.aws_secret_access_key,
            aws_session_token=options.aws_session_token,
            config=config,
        )
    finally:
        del loader.list_available_services
    return client, credentials


def _forget_clients() -> None:
    # A client's connections and locks belong to the process that made them.
    global _lock
    _lock = threading.Lock()
    _clients.clear()


after_fork(_forget_clients)
