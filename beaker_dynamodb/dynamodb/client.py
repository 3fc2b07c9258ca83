"""boto3 clients: one per process and `connection_key`, replaced if credentials are refused."""

from __future__ import annotations

import random
import threading
from collections.abc import Hashable
from typing import TYPE_CHECKING, Any

from beaker_dynamodb.config.options import Options
from beaker_dynamodb.dynamodb.authentication import Remedy
from beaker_dynamodb.dynamodb.client_factory import make_transport
from beaker_dynamodb.dynamodb.forks import PerProcess
from beaker_dynamodb.dynamodb.guard import guard
from beaker_dynamodb.dynamodb.shared_attempt import Pause, SharedAttempt
from beaker_dynamodb.dynamodb.transport import Transport

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

#: Minimum time between two searches for credentials; a client searches only once.
SEARCH_SECONDS = 1.0
#: Longest backoff between two renewals of refused credentials.
MAX_RENEWAL_SECONDS = 60.0


def connection_key(options: Options) -> tuple[Any, ...]:
    """Return the options that determine a client."""
    return (
        options.region_name,
        options.endpoint_url,
        options.aws_access_key_id,
        options.aws_secret_access_key,
        options.config,
        options.read_timeout,
        options.max_attempts,
        options.transport,
    )


class _SharedClient:
    """The client for one `connection_key`, and when it may be replaced.

    Refused credentials are replaced at once. If the new ones are refused too, they are replaced
    after 1, 2, 4 … seconds, so that a fleet does not overload STS, IMDS or a credential process.
    """

    def __init__(self) -> None:
        self.transport: Transport | None = None
        self._lock = threading.Lock()
        self._attempt: SharedAttempt[Transport] = SharedAttempt()
        self._search_pause = Pause()
        self._renewal_pause = Pause()
        self._renewal_seconds = 0.0

    def get_or_create(self, options: Options) -> Transport:
        """Return the client's transport. One thread creates it; other threads wait."""

        def create() -> Transport:
            transport = self.transport
            if transport is None:
                transport = make_transport(options)
                self._search_pause.begin(options.clock(), SEARCH_SECONDS)
                self.transport = transport
            return transport

        return self._attempt(create, options.clock)

    def renew(self, client: Any, reason: Remedy, now: float) -> bool:
        """Discard a client whose credentials are missing or were refused, unless it is too early.

        :returns: whether a retry makes sense.
        """
        with self._lock:
            if self.transport is None or self.transport.client is not client:
                return True  # another thread replaced it
            refused = reason is Remedy.FRESH_CREDENTIALS
            if (self._renewal_pause if refused else self._search_pause).is_active(now):
                return False
            if refused:
                seconds = min(MAX_RENEWAL_SECONDS, self._renewal_seconds * 2 or 1.0)
                # Jitter: the credentials of a whole fleet are refused at the same time.
                self._renewal_pause.begin(now, random.uniform(seconds / 2, seconds))
                self._renewal_seconds = seconds
            self.transport = None
            return True

    def note_accepted(self) -> None:
        """Reset the backoff: the next refused credentials are replaced at once."""
        with self._lock:
            self._renewal_seconds = 0.0
            self._renewal_pause.end()


#: Processes must not share connections.
_clients: PerProcess[dict[Hashable, _SharedClient]] = PerProcess(dict)


class ClientSource:
    """The client for a configuration, created on the first call."""

    def __init__(self, options: Options) -> None:
        self._options = options
        #: Identifies the client within a process.
        self.key: Hashable = connection_key(options) if options.client is None else options.client
        self._given: Transport | None = None
        if options.client is not None:
            guard(options.client, options)
            self._given = Transport(options.client)

    def __call__(self) -> DynamoDBClient:
        """Return the client. Raises the same errors as `transport`."""
        return self.transport().client

    def transport(self) -> Transport:
        """Return the transport that makes calls with the client.

        :raises ConfigurationError: boto3, the Region or the profile is missing.
        :raises StoreUnavailable: the credentials cannot be obtained now.
        """
        if self._given is not None:
            return self._given
        shared = self._shared()
        return shared.transport or shared.get_or_create(self._options)

    def renew(self, client: DynamoDBClient, reason: Remedy) -> bool:
        """Discard a client that found no credentials, or whose credentials DynamoDB refused.

        A client that was passed in, or whose keys are in the options, is never replaced.

        :returns: whether a retry makes sense.
        """
        options = self._options
        if options.client is not None or options.aws_access_key_id is not None:
            return False
        return self._shared().renew(client, reason, options.clock())

    def note_accepted(self) -> None:
        """Note that DynamoDB accepted the renewed credentials."""
        self._shared().note_accepted()

    def _shared(self) -> _SharedClient:
        clients = _clients()
        return clients.get(self.key) or clients.setdefault(self.key, _SharedClient())
