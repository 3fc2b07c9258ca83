"""`transport = lean`: the calls of a session request at less than half of boto3's processor time.

Only the request is made here, from shapes that are always the same, and signed (wire.py). All else
is the boto3 client's own: credentials and their renewal, the endpoint, the connections with their
proxies, certificates and time-outs. A refusal of the credentials or the signature is raised. Any
other answer but a plain, whole 200 counts for nothing: the client then makes the same call as ever,
tries again, and raises.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import BotoCoreError
from botocore.hooks import first_non_none_response
from botocore.parsers import ResponseParserError, create_parser
from urllib3 import Retry
from urllib3.exceptions import HTTPError

from beaker_dynamodb.dynamodb import wire
from beaker_dynamodb.dynamodb.authentication import remedy_of_response

if TYPE_CHECKING:
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials, ReadOnlyCredentials
    from types_boto3_dynamodb import DynamoDBClient

#: How a request is authorised that is signed with version 4, for one Region.
_SIGNED = re.compile(r"AWS4-HMAC-SHA256 Credential=[^/]+/\d{8}/([^/]+)/dynamodb/aws4_request, ")
_NO_RETRIES = Retry(False)


@dataclass(frozen=True)
class Way:
    """Where requests go, as the client's own went.

    :param url: the address, without a path.
    :param host: what the header says, without a port that goes without saying.
    :param region: the Region that a signature is for.
    :param pool: urllib3's connections to it, as botocore has set them up; None: through a proxy.
    """

    url: str
    host: str
    region: str
    user_agent: str
    pool: Any = None

    def headers(
        self, operation: str, body: bytes, credentials: ReadOnlyCredentials, now: float
    ) -> dict[str, str]:
        """Give the headers of a request, its signature among them.

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
    """A boto3 client whose GetItem, PutItem and DeleteItem go the short way.

    :param client: makes the first of these calls, from which the way is learnt, and all others.
    :param credentials: what it signs with; None: none were found.
    """

    def __init__(self, client: DynamoDBClient, credentials: Credentials | None) -> None:
        self._client = client
        self._credentials = credentials
        self._events, self._service = client.meta.events, client.meta.service_model
        self._http: Any = client._endpoint.http_session  # type: ignore[attr-defined]
        self._parser: Any = create_parser(self._service.metadata["protocol"])
        self._way: Way | None = None
        self._events.register_last("request-created.dynamodb", self._learn)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def get_item(self, **params: Any) -> Any:
        """Make a GetItem."""
        answer = self._send("GetItem", params)
        return self._client.get_item(**params) if answer is None else answer

    def put_item(self, **params: Any) -> Any:
        """Make a PutItem."""
        answer = self._send("PutItem", params)
        return self._client.put_item(**params) if answer is None else answer

    def delete_item(self, **params: Any) -> Any:
        """Make a DeleteItem."""
        answer = self._send("DeleteItem", params)
        return self._client.delete_item(**params) if answer is None else answer

    def _send(self, operation: str, params: dict[str, Any]) -> Any:
        """Give the answer; None: the client has to make the call."""
        way, credentials = self._way, self._credentials
        if way is None or credentials is None:
            return None
        # The hooks of botocore's own way: who counts calls, refuses damaged answers (hooks.py), or
        # answers in the place of the network.
        emit, name = self._events.emit, f"dynamodb.{operation}"
        about = {"model": self._service.operation_model(operation), "context": {}}
        emit(f"before-parameter-build.{name}", params=params, **about)
        body = wire.dumps(params)
        try:
            frozen = credentials.get_frozen_credentials()
            headers: Any = way.headers(operation, body, frozen, time.time())
            request = AWSPreparedRequest("POST", way.url, headers, body, False)
            hooked = first_non_none_response(emit(f"before-send.{name}", request=request))
            answer = hooked or self._answer(way, request)
            # Read to its end, whatever it is, or the connection cannot be used again.
            content = answer.content
            if answer.status_code == 400:
                parsed = self._refusal(answer)
            elif answer.status_code == 200:
                parsed = wire.loads(content)
            else:
                return None
            if parsed is None:
                return None
            emit(f"after-call.{name}", http_response=answer, parsed=parsed, **about)
        except (BotoCoreError, HTTPError, ResponseParserError, ValueError):
            return None
        if answer.status_code == 400:
            exceptions: Any = self._client.exceptions
            raise exceptions.from_code(parsed["Error"]["Code"])(parsed, operation)
        return parsed

    def _refusal(self, answer: Any) -> dict[str, Any] | None:
        """Parse a refusal of the credentials or the signature; return None for anything else.

        Such a call is not repeated by the client: it would be refused again (calls.py).
        """
        told = {
            "status_code": answer.status_code,
            "headers": answer.headers,
            "body": answer.content,
        }
        parsed: dict[str, Any] = self._parser.parse(told, None)
        return None if remedy_of_response(parsed) is None else parsed

    def _answer(self, way: Way, request: AWSPreparedRequest) -> Any:
        """Send a request over a connection of botocore's."""
        if way.pool is None:
            return self._http.send(request)
        raw = way.pool.urlopen(
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
        """Keep the way of a request of the client's own, if it is one that can be imitated."""
        url, headers = str(request.url), request.headers
        signed, host = _SIGNED.match(headers.get("Authorization", "")), wire.host(url)
        if signed is None or host is None:
            self._way = None
        else:
            self._way = Way(url, host, signed[1], headers["User-Agent"], self._pool(url))

    def _pool(self, url: str) -> Any:
        """Give the pool that botocore takes for an address, where there is no proxy before it."""
        try:
            if self._http._proxy_config.proxy_url_for(url) is not None:
                return None
            return self._http._manager.connection_from_url(url)
        except AttributeError:
            return None  # a botocore that keeps them elsewhere
