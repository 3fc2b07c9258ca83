"""The boto3 client: one per process and configuration."""

from __future__ import annotations

import threading
import time
import zlib
from typing import TYPE_CHECKING, Any

from beaker_dynamodb.errors import ConfigurationError
from beaker_dynamodb.storage.forks import after_fork, notice

if TYPE_CHECKING:
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
            _guard(options.client)

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
        client: Any = session.create_client(
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
    _guard(client)
    return _lean(client, session, options) if options.transport == "lean" else client


def _lean(client: DynamoDBClient, session: Session, options: Options) -> Any:
    from botocore.credentials import Credentials

    from beaker_dynamodb.storage.lean import LeanClient

    credentials: Any = session.get_credentials()
    if options.aws_access_key_id is not None:
        credentials = Credentials(
            options.aws_access_key_id,
            options.aws_secret_access_key or "",
            options.aws_session_token,
        )
    return LeanClient(client, credentials)


def _guard(client: DynamoDBClient) -> None:
    # The unique id: the user's client may serve several configurations.
    events, name = client.meta.events, "beaker_dynamodb"
    events.register("after-call.dynamodb", refuse_damaged, unique_id=name)


def refuse_damaged(http_response: Any, model: Any, **_: Any) -> None:
    """Raise for an answer that has not come whole, or is not DynamoDB's.

    botocore notices a wrong checksum, tries again, and at last takes what it has: an answer
    without an item, which for a session means "log in again".
    """
    from botocore.exceptions import ChecksumError
    from botocore.parsers import ResponseParserError

    if http_response.raw is None:
        return  # botocore's Stubber
    if model.output_shape is None:
        return  # as of TagResource: its answer is empty (AWS API reference)
    content = http_response.content
    told = http_response.headers.get("x-amz-crc32")
    if told is not None and (found := str(zlib.crc32(content))) != told:
        raise ChecksumError(checksum_type="crc32", expected_checksum=told, actual_checksum=found)
    if not (content.startswith(b"{") and content.rstrip().endswith(b"}")):
        raise ResponseParserError("not an answer of DynamoDB's")


def _forget_clients() -> None:
    # A client's connections and locks belong to the process that made them.
    global _lock
    _lock = threading.Lock()
    _clients.clear()


after_fork(_forget_clients)
