"""`endpoint_url` with a password: sent as botocore sends it, and never shown."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

from beaker_dynamodb import ConfigurationError, DynamoDBNamespaceManager, StoreUnavailable
from beaker_dynamodb.config.options import Options
from beaker_dynamodb.config.parse import parse
from beaker_dynamodb.dynamodb import signature
from tests.dynamodb.fake_server import KEY, OFFLINE, FakeServer, Request, plain_client
from tests.dynamodb.fast import fast

PASSWORD = "hunter2"


def with_password(url: str) -> str:
    """Add a user and a password to a URL, with the host in upper case."""
    return url.replace("127.0.0.1", f"user:{PASSWORD}@LOCALHOST")


@pytest.fixture(params=["option", "environment"])
def endpoint(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], dict[str, Any]]:
    def options(url: str) -> dict[str, Any]:
        if request.param == "option":
            return {**OFFLINE, "endpoint_url": url}
        monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", url)
        return {**OFFLINE, "endpoint_url": None}

    return options


def expected_signature(request: Request, url: str) -> str:
    """Return botocore's signature for the same headers, body and time."""
    expected = AWSRequest("POST", url + request.path, data=request.body)
    signed = request.headers["authorization"].split("SignedHeaders=")[1].split(",")[0]
    for name in signed.split(";"):
        if name != "host":  # botocore adds it
            expected.headers[name] = request.headers[name]
    expected.context["timestamp"] = request.headers["x-amz-date"]
    credentials = Credentials(OFFLINE["aws_access_key_id"], OFFLINE["aws_secret_access_key"])
    auth = SigV4Auth(credentials, "dynamodb", "eu-west-1")
    canonical = auth.canonical_request(expected)
    return str(auth.signature(auth.string_to_sign(expected, canonical), expected))


@pytest.mark.usefixtures("_new_clients")
def test_requests_are_those_of_a_plain_client(
    server: FakeServer, endpoint: Callable[[str], dict[str, Any]]
) -> None:
    url = with_password(server.url)
    plain_client(url).get_item(TableName="table", Key=KEY)
    manager = DynamoDBNamespaceManager("n", **endpoint(url))
    assert ["value"] * 2 == [manager[b"k"] for _ in range(2)]
    plain, *requests = server.requests
    assert [False, False, True] == fast(server)
    for request in requests:
        assert (plain.path, plain.headers["host"]) == (request.path, request.headers["host"])
        # Signed with the host that was sent.
        signature = expected_signature(request, server.url.replace("127.0.0.1", "localhost"))
        assert request.headers["authorization"].endswith(signature)


@pytest.mark.usefixtures("_new_clients")
def test_no_error_and_no_log_line_shows_the_password(
    caplog: pytest.LogCaptureFixture, endpoint: Callable[[str], dict[str, Any]]
) -> None:
    caplog.set_level(logging.DEBUG, "beaker_dynamodb")
    options = endpoint(with_password("http://127.0.0.1:1"))
    manager = DynamoDBNamespaceManager("n", **options, max_attempts=1)
    no_retries = Config(retries={"max_attempts": 0})
    given = plain_client(with_password("http://127.0.0.1:1"), config=no_retries)
    with pytest.raises(StoreUnavailable) as caught:
        manager["session"]
    assert caught.value.__cause__ is not None
    with pytest.raises(StoreUnavailable) as of_given_client:
        DynamoDBNamespaceManager("n", client=given)["session"]
    shown = [*traceback.format_exception(caught.value), caplog.text, repr(manager.backend.options)]
    shown += traceback.format_exception(of_given_client.value)
    shown += [str(manager.client.meta.endpoint_url), repr(vars(manager))]
    assert PASSWORD not in "".join(shown)


@pytest.mark.parametrize("make", [Options, lambda **given: parse(given)], ids=["direct", "parsed"])
def test_repr_shows_the_url_without_the_password(make: Callable[..., Options]) -> None:
    shown = repr(make(endpoint_url=with_password("http://127.0.0.1:8000/path")))
    assert PASSWORD not in shown
    assert "LOCALHOST:8000/path" in shown


@pytest.mark.parametrize(
    "url",
    [
        f"user:{PASSWORD}@127.0.0.1:8000",
        f"http://user:{PASSWORD}@:80",
        f"http://user:{PASSWORD}@127.0.0.1:99999",
        f"http://user:{PASSWORD}@[::1",
        f"ftp://user:{PASSWORD}@127.0.0.1",
        f"http://user:{PASSWORD}@127.0.0.1:port",
    ],
)
def test_the_error_for_a_malformed_option_hides_the_password(url: str) -> None:
    with pytest.raises(ConfigurationError, match="endpoint_url") as caught:
        parse({"endpoint_url": url})
    assert PASSWORD not in "".join(traceback.format_exception(caught.value))
    assert PASSWORD not in repr(Options(endpoint_url=url))
    with pytest.raises(ConfigurationError, match="'localhost:8000'"):
        parse({"endpoint_url": "localhost:8000"})


@pytest.mark.usefixtures("_new_clients")
@pytest.mark.parametrize("url", [f"http://u:{PASSWORD}@:80", f"u:{PASSWORD}@localhost"])
def test_the_error_for_a_malformed_variable_hides_the_password(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", url)
    with pytest.raises(ConfigurationError, match="endpoint") as caught:
        DynamoDBNamespaceManager("n", **{**OFFLINE, "endpoint_url": None})["session"]
    assert PASSWORD not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    "url",
    [
        "https://dynamodb.eu-west-1.amazonaws.com",
        "https://u:p@Dynamodb.EU-west-1.amazonaws.com:443/",
        "http://u@127.0.0.1:8000/",
        "http://u:p%40ss@[::1]:8000",
        "http://[::1]:80",
        "https://localhost:80",
        "http://localhost:443",
    ],
)
def test_the_host_header_is_botocores(url: str) -> None:
    from botocore.auth import _host_from_url  # type: ignore[attr-defined]  # not in the hints

    assert _host_from_url(url) == signature.host(url)
