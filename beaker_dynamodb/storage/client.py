"""The boto3 client: one per process and configuration."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

from beaker_dynamodb.errors import ConfigurationError
from beaker_dynamodb.storage.forks import after_fork, notice

if TYPE_CHECKING:
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
    )


class ClientSource:
    """Gives the client of one configuration; costs a look-up once the client is made."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._key = connection_key(options)

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


def _make(options: Options) -> DynamoDBClient:
    try:
        import boto3.session
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError
    except ImportError as error:
        raise ConfigurationError(f"boto3 is missing ({error}): pip install boto3") from error
    # total_max_attempts counts the first try; max_attempts in a Config does not.
    retries: Any = {"total_max_attempts": options.max_attempts, "mode": options.retry_mode}
    config = Config(
        connect_timeout=options.connect_timeout,
        read_timeout=options.read_timeout,
        retries=retries,
        max_pool_connections=options.max_pool_connections,
        tcp_keepalive=True,
    )
    if options.config is not None:
        config = config.merge(options.config)
    try:
        # A session of our own: boto3's shared one is not safe in threads.
        session = boto3.session.Session(profile_name=options.profile_name)
        return session.client(
            "dynamodb",
            region_name=options.region_name,
            endpoint_url=options.endpoint_url,
            aws_access_key_id=options.aws_access_key_id,
            aws_secret_access_key=options.aws_secret_access_key,
            aws_session_token=options.aws_session_token,
            config=config,
        )
    except (BotoCoreError, ValueError) as error:
        raise ConfigurationError(
            f"boto3 cannot make a DynamoDB client: {error} (options region_name, profile_name, "
            "endpoint_url)"
        ) from error


def _forget_clients() -> None:
    # A client's connections and locks belong to the process that made them.
    global _lock
    _lock = threading.Lock()
    _clients.clear()


after_fork(_forget_clients)
