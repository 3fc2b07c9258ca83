"""`transport = lean`: the calls of a session request in less than half of boto3's CPU time.

This module only builds and signs the request (wire.py). The boto3 client provides everything else:
credentials and their renewal, the endpoint, connections, proxies, certificates and timeouts. If
DynamoDB refuses the credentials or the signature, the error is raised. After any other response
except a complete 200, the boto3 client makes the call again, with its retries and errors.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore import exceptions
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.hooks import first_non_none_response
from botocore.parsers import ResponseParserError, create_parser
from urllib3 import Retry
from urllib3 import exceptions as urllib3_exceptions

from beaker_dynamodb.dynamodb import wire
from beaker_dynamodb.dynamodb.authentication import remedy_of_response
from beaker_dynamodb.dynamodb.circuit_breaker import breaker_of

if TYPE_CHECKING:
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials, ReadOnlyCredentials
    from types_boto3_dynamodb import DynamoDBClient

    from beaker_dynamodb.config.options import Options

#: The ``Authorization`` header of a request signed with version 4; the group is the Region.
_SIGNED = re.compile(r"AWS4-HMAC-SHA256 Credential=[^/]+/\d{8}/([^/]+)/dynamodb/aws4_request, ")
_NO_RETRIES = Retry(False)
#: The errors of an attempt without an answer: botocore's if a proxy is used, otherwise urllib3's.
_UNANSWERED = (
    exceptions.ConnectionError,
    exceptions.HTTPClientError,
    urllib3_exceptions.HTTPError,
)


@dataclass(frozen=True)
class Route:
    """Where the boto3 client sends its requests.

    :param url: a URL without a path.
    :param host: the ``Host`` header.
    :param region: the Region to sign for.
    :param pool: botocore's urllib3 connection pool, or None if a proxy is used.
    """

    url: str
    host: str
    region: str
    user_agent: str
    pool: Any = None

    def headers(
        self, operation: str, body: bytes, credentials: ReadOnlyCredentials, now: float
    ) -> dict[str, str]:
        """Return the headers of a request, including the signature.

        :param now: epoch seconds.
        """
        headers = {
            "content-type": "application/x-amz-json-1.0",
            "host": self.host,
            "x-amz-date": wire.date(now),
        }
        if credentials.token:
            headers["x-amz-security-token"] = credentials.token
        headers["x-amz-target"] = f"DynamoDB_20120810.{operation}"
        headers["authorization"] = wire.authorization(headers, body, credentials, self.region)
        headers["user-agent"] = self.user_agent
        return headers


class LeanClient:
    """A boto3 client that sends GetItem, PutItem and DeleteItem itself.

    :param client: sends all other calls, and the first call, which shows the route.
    :param credentials: the client's credentials, or None if none were found.
    """

    def __init__(
        self, client: DynamoDBClient, credentials: Credentials | None, options: Options
    ) -> None:
        self._client = client
        self._options = options
        self._credentials = credentials
        self._events, self._service = client.meta.events, client.meta.service_model
        self._http: Any = client._endpoint.http_session  # type: ignore[attr-defined]
        self._parser: Any = create_parser(self._service.metadata["protocol"])
        self._route: Route | None = None
        self._events.register_last("request-created.dynamodb", self._learn)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def get_item(self, **params: Any) -> Any:
        """Send GetItem."""
        response = self._send("GetItem", params)
        return self._client.get_item(**params) if response is None else response

    def put_item(self, **params: Any) -> Any:
        """Send PutItem."""
        response = self._send("PutItem", params)
        return self._client.put_item(**params) if response is None else response

    def delete_item(self, **params: Any) -> Any:
        """Send DeleteItem."""
        response = self._send("DeleteItem", params)
        return self._client.delete_item(**params) if response is None else response

    def _send(self, operation: str, params: dict[str, Any]) -> Any:
        """Return the response, or None if the boto3 client must make the call."""
        route, credentials = self._route, self._credentials
        if route is None or credentials is None:
            return None
        # Emit botocore's events for handlers that count calls, refuse damaged responses (hooks.py)
        # or replace the network.
        emit, name = self._events.emit, f"dynamodb.{operation}"
        event = {"model": self._service.operation_model(operation), "context": {}}
        emit(f"before-parameter-build.{name}", params=params, **event)
        body = wire.dumps(params)
        try:
            frozen = credentials.get_frozen_credentials()
            headers: Any = route.headers(operation, body, frozen, time.time())
            request = AWSPreparedRequest("POST", route.url, headers, body, False)
            hooked = first_non_none_response(emit(f"before-send.{name}", request=request))
            response = hooked or self._post(route, request)
            # Read it to the end, or the connection cannot be reused.
            content = response.content
            if response.status_code == 400:
                parsed = self._refusal(response)
            elif response.status_code == 200:
                parsed = wire.loads(content)
            else:
                return None
            if parsed is None:
                return None
            emit(f"after-call.{name}", http_response=response, parsed=parsed, **event)
        except _UNANSWERED as error:
            failure = _as_botocore(error, route.url)
            may_retry = breaker_of(self._options).may_retry(failure)
            if not may_retry or self._options.max_attempts == 1:
                raise failure  # noqa: B904 (it is the same exception, or has a cause)
            return None
        except (exceptions.BotoCoreError, ResponseParserError, ValueError):
            return None
        if response.status_code == 400:
            errors: Any = self._client.exceptions
            raise errors.from_code(parsed["Error"]["Code"])(parsed, operation)
        return parsed

    def _refusal(self, response: Any) -> dict[str, Any] | None:
        """Return the parsed error if it is about credentials or signature, else None.

        The boto3 client must not repeat such a call, which would be refused again (calls.py).
        """
        raw = {
            "status_code": response.status_code,
            "headers": response.headers,
            "body": response.content,
        }
        parsed: dict[str, Any] = self._parser.parse(raw, None)
        return None if remedy_of_response(parsed) is None else parsed

    def _post(self, route: Route, request: AWSPreparedRequest) -> Any:
        """Send a request over one of botocore's connections."""
        if route.pool is None:
            return self._http.send(request)
        raw = route.pool.urlopen(
            "POST",
            "/",
            request.body,
            request.headers,
            retries=_NO_RETRIES,
            assert_same_host=False,
            preload_content=False,
            decode_content=False,
        )
        return AWSResponse(request.url, raw.status, raw.headers, raw)

    def _learn(self, request: AWSRequest, **_: Any) -> None:
        """Remember the route of one of the boto3 client's requests, if it can be imitated."""
        url, headers = str(request.url), request.headers
        signed, host = _SIGNED.match(headers.get("Authorization", "")), wire.host(url)
        if signed is None or host is None:
            self._route = None
        else:
            self._route = Route(url, host, signed[1], headers["User-Agent"], self._pool(url))

    def _pool(self, url: str) -> Any:
        """Return botocore's connection pool for a URL, or None if it uses a proxy."""
        try:
            if self._http._proxy_config.proxy_url_for(url) is not None:
                return None
            return self._http._manager.connection_from_url(url)
        except AttributeError:
            return None  # another version of botocore


def _as_botocore(error: Exception, url: str) -> Exception:
    """Return the exception that botocore raises in place of one of urllib3."""
    failure: Exception
    match error:
        case urllib3_exceptions.NewConnectionError():
            failure = exceptions.EndpointConnectionError(endpoint_url=url, error=error)
        case urllib3_exceptions.ConnectTimeoutError():
            failure = exceptions.ConnectTimeoutError(endpoint_url=url, error=error)
        case urllib3_exceptions.ReadTimeoutError():
            failure = exceptions.ReadTimeoutError(endpoint_url=url, error=error)
        case urllib3_exceptions.SSLError():
            failure = exceptions.SSLError(endpoint_url=url, error=error)
        case urllib3_exceptions.ProtocolError():
            failure = exceptions.ConnectionClosedError(endpoint_url=url, error=error)
        case urllib3_exceptions.HTTPError():
            failure = exceptions.HTTPClientError(error=error)
        case _:
            return error
    failure.__cause__ = error
    return failure
