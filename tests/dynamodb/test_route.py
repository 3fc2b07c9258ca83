"""Fast requests equal botocore's. Requests that cannot be imitated are not sent fast."""

from __future__ import annotations

import calendar
import time
from types import SimpleNamespace

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials, ReadOnlyCredentials
from botocore.httpsession import URLLib3Session
from hypothesis import given
from hypothesis import strategies as st

from beaker_dynamodb.dynamodb.route import Route, route_of

AUTHORIZATION = (
    "AWS4-HMAC-SHA256 Credential=AKID/20261126/eu-west-1/dynamodb/aws4_request, SignedHeaders=any"
)


def head_of(request: bytes) -> dict[str, str]:
    head = request.partition(b"\r\n\r\n")[0].decode()
    return dict(line.split(":", 1) for line in head.split("\r\n")[1:])


@given(
    body=st.binary(max_size=300),
    secret_key=st.text("abcXYZ019+/=", min_size=1, max_size=60),
    token=st.none() | st.text("abcXYZ019+/=", min_size=1, max_size=300),
    host=st.sampled_from(["dynamodb.eu-west-1.amazonaws.com", "127.0.0.1:8000", "[::1]:8000"]),
)
def test_the_signature_is_botocores(
    body: bytes, secret_key: str, token: str | None, host: str
) -> None:
    expected = AWSRequest("POST", f"http://{host}/", data=body)
    expected.headers["Content-Type"] = "application/x-amz-json-1.0"
    expected.headers["X-Amz-Target"] = "DynamoDB_20120810.PutItem"
    SigV4Auth(Credentials("AKID", secret_key, token), "dynamodb", "eu-west-1").add_auth(expected)
    now = calendar.timegm(time.strptime(expected.headers["X-Amz-Date"], "%Y%m%dT%H%M%SZ"))

    route = Route(f"http://{host}/", host, "eu-west-1", "test")
    credentials = ReadOnlyCredentials("AKID", secret_key, token)
    headers = head_of(route.request("PutItem", body, credentials, now + 0.9))

    assert expected.headers["Authorization"] == headers["authorization"]
    assert expected.headers["X-Amz-Date"] == headers["x-amz-date"]
    assert token == headers.get("x-amz-security-token")


@pytest.mark.parametrize(
    ("url", "headers"),
    [
        ("http://localhost/?query", {}),
        ("ftp://localhost/", {}),
        ("http://localhost/", {"Authorization": ""}),
        ("http://localhost/", {"Authorization": "Bearer any"}),
        ("http://localhost/", {"Authorization": AUTHORIZATION.replace("AWS4", "AWS4-ECDSA")}),
        ("http://localhost/", {"X-Other": "any"}),
        ("http://localhost/", {"User-Agent": "a\nb"}),
    ],
)
def test_other_requests_have_no_route(url: str, headers: dict[str, str]) -> None:
    given = {"Authorization": AUTHORIZATION, "User-Agent": "any", **headers}
    request = AWSRequest("POST", url, headers=given)
    assert route_of(request, Credentials("AKID", "secret"), URLLib3Session()) is None


def test_a_route_depends_on_the_account_of_the_credentials() -> None:
    found = Route("https://1.ddb.example/", "1.ddb.example", "eu-west-1", "any", "1")
    assert found.serves(SimpleNamespace(account_id="1"))  # type: ignore[arg-type]
    assert not found.serves(SimpleNamespace(account_id="2"))  # type: ignore[arg-type]
    assert not found.serves(SimpleNamespace())  # type: ignore[arg-type]
