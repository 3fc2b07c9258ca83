"""Makes frequent calls over kept connections, in a sixth of boto3's processor time.

A fast call builds and signs its request itself (route.py), and sends it over a connection that
botocore has opened (http_exchange.py). botocore provides everything else: connections, TLS,
proxies, timeouts, the endpoint, credentials and their renewal, retries and errors.

- If no connection is idle, boto3 makes the call, which opens one.
- Any failure, and any response other than a complete 200, is handed to botocore as the result of
  its first attempt.
"""

from __future__ import annotations

import io
import itertools
import json
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from botocore import exceptions
from botocore.awsrequest import AWSRequest, AWSResponse
from botocore.credentials import Credentials

from beaker_dynamodb.dynamodb import http_exchange, json_protocol
from beaker_dynamodb.dynamodb.guard import wrong_checksum
from beaker_dynamodb.dynamodb.kept_connections import KeptConnections
from beaker_dynamodb.dynamodb.observers import Observers
from beaker_dynamodb.dynamodb.route import Route, route_of
from beaker_dynamodb.dynamodb.transport import OPERATIONS, Transport

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

#: The operations that fast calls support, by method.
FAST = {method: OPERATIONS[method] for method in ("get_item", "put_item", "delete_item")}
#: Carries the number of a fast call's outcome to botocore's first attempt: first as a parameter,
#: then in the request's context, then as a header of a request that is never sent.
_OUTCOME = "_beaker_dynamodb_outcome"


class FastTransport(Transport):
    """Makes the calls of `FAST` itself if it can, and all others with a boto3 client.

    :param always: make fast calls even if other code observes calls.
    """

    def __init__(
        self, client: DynamoDBClient, credentials: Credentials, *, always: bool = False
    ) -> None:
        super().__init__(client)
        self._credentials = credentials
        self._functions = {method: getattr(type(client), method) for method in FAST}
        self._observers = None if always else Observers(client, FAST)
        self._http: Any = client._endpoint.http_session  # type: ignore[attr-defined]
        #: By table, because an ARN may determine the host.
        self._routes: dict[str, Route] = {}
        self._connections: dict[Any, KeptConnections] = {}  # by urllib3's pool
        #: Whether all responses with status 200 so far were plain (http_exchange.py).
        self._plain = True
        self._outcomes: dict[str, AWSResponse | Exception] = {}
        self._numbers = itertools.count()
        events: Any = client.meta.events
        events.register_first("provide-client-params.dynamodb", _move_to_context)
        events.register_last("request-created.dynamodb", self._request_created)
        events.register_first("before-send.dynamodb", self._first_attempt)

    def call(self, method: str, params: dict[str, Any]) -> Any:
        """Make one call; see `Transport.call`. A fast response has no ``ResponseMetadata``."""
        send = getattr(self.client, method)
        # A method of this client may have been replaced, for instance by a mock.
        if getattr(send, "__func__", None) is not self._functions.get(method):
            return send(**params)
        outcome = self._attempt(method, params)
        if isinstance(outcome, dict):
            return outcome
        if outcome is None:
            return send(**params)
        number = str(next(self._numbers))
        self._outcomes[number] = outcome
        try:
            return send(**params, **{_OUTCOME: number})
        finally:
            self._outcomes.pop(number, None)

    def _attempt(
        self, method: str, params: dict[str, Any]
    ) -> dict[str, Any] | AWSResponse | Exception | None:
        """Return the parsed response, the outcome to hand to botocore, or None if not sent."""
        route = self._routes.get(params["TableName"])
        if route is None or (self._observers is not None and self._observers.present()):
            return None
        try:
            credentials = self._credentials.get_frozen_credentials()
            if not route.serves(credentials):
                return None
            body = json_protocol.dumps(params)
            request = route.request(FAST[method], body, credentials, time.time())
        except Exception:
            return None  # boto3 will raise an error
        connections = self._connections[route.pool]
        connection = connections.take()
        if connection is None:
            return None
        try:
            response = http_exchange.exchange(connection.sock, request)
        except OSError as error:
            connection.close()
            connections.close()
            return _as_botocore_error(error, route.url)
        except BaseException:
            # A signal or gevent's timeout: the next call must not get this one's response.
            connection.close()
            raise
        if response.reusable:
            connections.give_back(connection)
        else:
            connection.close()
        self._plain = self._plain and (response.plain or response.status != 200)
        parsed = _parsed(response)
        return _as_aws_response(response, route.url) if parsed is None else parsed

    def _request_created(self, request: AWSRequest, operation_name: str = "", **_: Any) -> None:
        number = request.context.pop(_OUTCOME, None)
        if number is not None:
            request.headers[_OUTCOME] = number
        elif operation_name in FAST.values():
            self._learn(request)

    def _learn(self, request: AWSRequest) -> None:
        """Remember the route of a request from the boto3 client."""
        body: Any = request.data
        table = json.loads(body)["TableName"]
        route = route_of(request, self._credentials, self._http) if self._plain else None
        if route is None:
            self._routes.pop(table, None)
            return
        if route.pool not in self._connections:
            config: Any = self.client.meta.config
            kept = KeptConnections(route.pool, config.max_pool_connections, config.read_timeout)
            self._connections.setdefault(route.pool, kept)
        self._routes[table] = route

    def _first_attempt(self, request: Any, **_: Any) -> AWSResponse | None:
        """Return or raise a fast call's outcome as that of botocore's first attempt."""
        number = request.headers.get(_OUTCOME)
        if number is None:
            return None
        outcome = self._outcomes.pop(number if isinstance(number, str) else number.decode())
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


def _move_to_context(params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
    if _OUTCOME in params:
        context[_OUTCOME] = params.pop(_OUTCOME)


class _RawBody(io.BytesIO):
    """A complete body with the interface of urllib3's response."""

    def stream(self) -> Iterator[bytes]:
        yield self.getvalue()


def _parsed(response: http_exchange.Response) -> dict[str, Any] | None:
    """Return the parsed response, or None if it is an error or damaged."""
    if response.status != 200 or wrong_checksum(response.headers, response.body) is not None:
        return None
    try:
        return json_protocol.loads(response.body)
    except ValueError:
        return None


def _as_aws_response(response: http_exchange.Response, url: str) -> AWSResponse:
    headers: Any = response.headers
    raw: Any = _RawBody(response.body)
    return AWSResponse(url, response.status, headers, raw)


def _as_botocore_error(error: OSError, url: str) -> Exception:
    """Return the exception that botocore raises if an open connection fails."""
    failure: Exception
    if isinstance(error, TimeoutError):
        failure = exceptions.ReadTimeoutError(endpoint_url=url, error=error)
    else:
        failure = exceptions.ConnectionClosedError(endpoint_url=url, error=error, request=None)
    # Without the traceback, whose frames hold credentials.
    failure.__cause__ = error.with_traceback(None)
    return failure
