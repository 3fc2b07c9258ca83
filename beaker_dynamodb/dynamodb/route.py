"""Where and how botocore sends its requests, so that fast calls can imitate them."""

from __future__ import annotations

import os
import re
from typing import Any, NamedTuple
from urllib.parse import quote

from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials, ReadOnlyCredentials

from beaker_dynamodb.dynamodb import signature

#: The ``Authorization`` header of a request signed with version 4; the group is the Region.
_SIGNED = re.compile(r"AWS4-HMAC-SHA256 Credential=[^/]+/\d{8}/([^/]+)/dynamodb/aws4_request, ")
#: The headers of botocore's requests when it emits ``request-created``. A request with any other
#: header cannot be imitated.
_HEADERS = frozenset(
    {
        "amz-sdk-invocation-id",
        "amz-sdk-request",
        "authorization",
        "content-type",
        "user-agent",
        "x-amz-date",
        "x-amz-security-token",
        "x-amz-target",
        "x-amzn-trace-id",
    }
)
#: Not percent-encoded in ``X-Amzn-Trace-Id``, as in botocore's add_recursion_detection_header.
_TRACE_SAFE = "-=;:+&[]{}\"',"
_ON_LAMBDA = "AWS_LAMBDA_FUNCTION_NAME" in os.environ


class Route(NamedTuple):
    """Where and how the boto3 client sends its requests.

    :param account_id: the credentials' account, which may determine the host.
    :param pool: botocore's pool of connections to this host.
    """

    url: str
    host: str
    region: str
    user_agent: str
    account_id: str | None = None
    pool: Any = None

    def serves(self, credentials: ReadOnlyCredentials) -> bool:
        """Return whether requests with these credentials take this route."""
        return getattr(credentials, "account_id", None) == self.account_id

    def request(
        self, operation: str, body: bytes, credentials: ReadOnlyCredentials, now: float
    ) -> bytes:
        """Return a signed request.

        :param now: epoch seconds.
        """
        stamp, token = signature.date(int(now)), credentials.token
        lines = f"content-type:application/x-amz-json-1.0\nhost:{self.host}\nx-amz-date:{stamp}\n"
        names = "content-type;host;x-amz-date"
        if token:
            lines += f"x-amz-security-token:{token}\n"
            names += ";x-amz-security-token"
        lines += f"x-amz-target:DynamoDB_20120810.{operation}\n"
        names += ";x-amz-target"
        signed = signature.authorization(stamp, lines, names, body, credentials, self.region)
        head = (
            f"POST / HTTP/1.1\n{lines}authorization:{signed}\nuser-agent:{self.user_agent}\n"
            f"{_trace() if _ON_LAMBDA else ''}accept-encoding:identity\n"
            f"content-length:{len(body)}\n\n"
        )
        return head.replace("\n", "\r\n").encode() + body


def route_of(request: AWSRequest, credentials: Credentials, http: Any) -> Route | None:
    """Return the route of one of botocore's requests, or None if it cannot be imitated.

    :param http: botocore's HTTP session.
    """
    url, headers = str(request.url), request.headers
    signed = _SIGNED.match(headers.get("Authorization", ""))
    host = signature.host(url)
    if signed is None or host is None or not {name.lower() for name in headers} <= _HEADERS:
        return None
    pool = _pool(url, http)
    if pool is None or not headers["User-Agent"].isprintable():
        return None
    account = getattr(credentials.get_frozen_credentials(), "account_id", None)
    return Route(url, host, signed[1], headers["User-Agent"], account, pool)


def _trace() -> str:
    """Return the header line with which AWS Lambda detects recursion, as botocore sends it."""
    trace = os.environ.get("_X_AMZN_TRACE_ID")
    return f"x-amzn-trace-id:{quote(trace, safe=_TRACE_SAFE)}\n" if trace else ""


def _pool(url: str, http: Any) -> Any:
    """Return botocore's pool of connections to a URL, or None if requests cannot be imitated.

    They cannot if a proxy forwards them without a tunnel: they must then contain the whole URL.
    """
    try:
        proxy = http._proxy_config.proxy_url_for(url)
        if proxy is not None and http._get_request_target(url, proxy) == url:
            return None
        return http._get_connection_manager(url, proxy).connection_from_url(url)
    except AttributeError:
        return None  # an unknown version of botocore
