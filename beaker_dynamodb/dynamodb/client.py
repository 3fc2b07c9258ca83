"""The boto3 client: one per process and configuration, replaced when its keys are refused."""

from __future__ import annotations

import random
import threading
from typing import TYPE_CHECKING, Any

from beaker_dynamodb.dynamodb.client_factory import make_client
from beaker_dynamodb.dynamodb.forks import PerProcess
from beaker_dynamodb.dynamodb.hooks import guard
from beaker_dynamodb.dynamodb.shared_attempt import Pause, SharedAttempt

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

    from beaker_dynamodb.config.options import Options

#: A client that found no credentials is replaced at most once in this time.
REMAKE_SECONDS = 1.0
#: While fresh credentials are refused as well, the wait for the next ones doubles up to this.
MAX_RENEWAL_SECONDS = 60.0


def connection_key(options: Options) -> tuple[Any, ...]:
    """Return what tells two clients apart."""
    return (
        options.region_name,
        options.endpoint_url,
        options.profile_name,
        options.aws_access_key_id,
        options.aws_secret_access_key,
        options.config,
        options.connect_timeout,
        options.read_timeout,
        options.max_attempts,
        options.transport,
    )


class _SharedClient:
    """The client of one configuration in this process, and when it may be replaced.

    Credentials that were refused are replaced at once, and then, while the fresh ones are refused
    too, after 1, 2, 4 … seconds, so that a fleet does not overload STS, IMDS or a helper.
    """

    def __init__(self) -> None:
        self.client: Any = None
        self._lock = threading.Lock()
        self._attempt: SharedAttempt[Any] = SharedAttempt()
        self._made = Pause()
        self._renewed = Pause()
        self._wait = 0.0

    def make(self, options: Options) -> Any:
        """Return the client; one thread makes it, and all that arrive meanwhile share it."""

        def make() -> Any:
            if self.client is None:
                client = make_client(options)
                self._made.begin(options.clock(), REMAKE_SECONDS)
                self.client = client
            return self.client

        return self._attempt(make, options.clock)

    def renew(self, client: Any, now: float) -> bool:
        """Discard a client whose credentials were refused, unless that was done a moment ago.

        :returns: whether the call should be made again, with fresh credentials.
        """
        with self._lock:
            if self.client is not client:
                return True  # another thread has replaced it
            if self._renewed.lasts(now):
                return False
            self._wait = min(MAX_RENEWAL_SECONDS, self._wait * 2 or 1.0)
            # Jitter, because the processes of a fleet are refused at the same moment.
            self._renewed.begin(now, random.uniform(self._wait / 2, self._wait))
            self.client = None
            return True

    def accepted(self) -> None:
        """Note that fresh credentials work: the next refusal is the first one again."""
        with self._lock:
            self._wait = 0.0
            self._renewed.end()

    def search_again(self, client: Any, now: float) -> bool:
        """Discard a client without credentials, which never searches for them again.

        :returns: whether the call should be made again: another client is there, or will be.
        """
        with self._lock:
            if self.client is not client:
                return True
            if self._made.lasts(now):
                return False
            self.client = None
            return True


#: The clients of this process, by connection. Connections must not be shared between processes.
_clients: PerProcess[dict[tuple[Any, ...], _SharedClient]] = PerProcess(dict)


class ClientSource:
    """Returns the client of one configuration; costs a look-up once the client is made."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._key = connection_key(options)
        if options.client is not None:
            guard(options.client)

    def __call__(self) -> DynamoDBClient:
        """Return the client.

        :raises ConfigurationError: boto3 is missing, or it has no Region or profile to work with.
        :raises StoreUnavailable: the credentials cannot be obtained just now.
        """
        if self._options.client is not None:
            given: DynamoDBClient = self._options.client
            return given
        shared = self._shared()
        client: DynamoDBClient = shared.client or shared.make(self._options)
        return client

    def renew(self, client: DynamoDBClient) -> bool:
        """Discard a client whose credentials DynamoDB has refused.

        The application's own client is never replaced, and keys in the options stay the same.

        :returns: whether a call with fresh credentials makes sense now.
        """
        options = self._options
        if options.client is not None or options.aws_access_key_id is not None:
            return False
        return self._shared().renew(client, options.clock())

    def accepted(self) -> None:
        """Note that a call with fresh credentials was answered."""
        self._shared().accepted()

    def search_again(self, client: DynamoDBClient) -> bool:
        """Discard a client that found no credentials, at most once in `REMAKE_SECONDS`.

        :returns: whether a call with another client makes sense now.
        """
        options = self._options
        return options.client is None and self._shared().search_again(client, options.clock())

    def _shared(self) -> _SharedClient:
        clients = _clients()
        return clients.get(self._key) or clients.setdefault(self._key, _SharedClient())
