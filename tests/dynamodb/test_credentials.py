"""Credentials and signatures: renewed when DynamoDB refuses them, never shown in errors."""

from __future__ import annotations

import calendar
import logging
import threading
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import pytest

from beaker_dynamodb import DynamoDBNamespaceManager, StoreUnavailable
from beaker_dynamodb.dynamodb.authentication import Remedy, clock_difference, remedy_of_response
from tests.clock import Clock
from tests.dynamodb.credentials import NO_KEYS, SECRET, Helper, KeyFile
from tests.dynamodb.fake_server import OFFLINE, FakeServer, Request, refusal

THREADS = 8
REFUSED = ("UnrecognizedClientException", "The security token included is invalid.")


@pytest.fixture
def _no_jitter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("beaker_dynamodb.dynamodb.client.random.uniform", lambda low, high: high)


boto3_only = pytest.mark.parametrize("options", ["boto3"], indirect=True)


@pytest.fixture(params=["boto3", "lean"])
def options(
    request: pytest.FixtureRequest, server: FakeServer, clock: Clock, _no_jitter: None
) -> dict[str, Any]:
    return {
        **OFFLINE,
        **NO_KEYS,
        "endpoint_url": server.url,
        "transport": request.param,
        "clock": clock,
    }


def accept(server: FakeServer, *keys: str, error: tuple[str, str] = REFUSED) -> None:
    """Make a server accept only these access keys from now on."""

    def plan(request: Request) -> dict[str, Any]:
        return {} if request.access_key in keys else refusal(*error)

    server.plan = plan
    server.requests.clear()


def failure(manager: DynamoDBNamespaceManager) -> StoreUnavailable:
    with pytest.raises(StoreUnavailable) as caught:
        manager[b"k"]
    return caught.value


def keys(server: FakeServer) -> list[str]:
    return [request.access_key for request in server.requests]


@pytest.mark.parametrize("output", ["", SECRET, "null"])
def test_a_failed_helper_is_remembered_for_a_second(
    options: dict[str, Any],
    helper: Helper,
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
    output: str,
) -> None:
    caplog.set_level(logging.INFO)
    helper.fails(output)
    manager = DynamoDBNamespaceManager("n", **{**options, **helper.options})
    errors = [failure(manager) for _ in range(3)]
    assert 1 == helper.runs
    assert 3 == len({id(error) for error in errors})
    assert SECRET not in caplog.text
    for error in errors:
        assert SECRET not in "".join(traceback.format_exception(error))

    helper.returns("good")
    failure(manager)
    clock.advance(1)
    assert "value" == manager[b"k"]
    assert 2 == helper.runs


def test_a_failed_refresh_is_remembered_for_a_second(
    options: dict[str, Any], helper: Helper, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    helper.returns("first", seconds=60)  # botocore refreshes for each request
    manager = DynamoDBNamespaceManager("n", **{**options, **helper.options})
    assert "value" == manager[b"k"]
    helper.fails()
    before = helper.runs
    for error in [failure(manager) for _ in range(3)]:
        assert SECRET not in "".join(traceback.format_exception(error)) + caplog.text
    assert before + 1 == helper.runs

    helper.returns("second", seconds=7200)
    clock.advance(1)
    assert "value" == manager[b"k"]


@boto3_only
@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("[profile helped\n", "Unable to parse config file"),
        ("[profile helped]\ncredential_process = /nowhere/helper\n", "No such file"),
        (
            "[profile helped]\nrole_arn = arn:aws:iam::123456789012:role/web\n"
            "web_identity_token_file = /nowhere/token\n",
            "",
        ),
    ],
    ids=["half a file", "no helper", "no token"],
)
def test_a_broken_configuration_file_is_an_outage(
    options: dict[str, Any], helper: Helper, clock: Clock, config: str, message: str
) -> None:
    complete = helper.config.read_text()
    helper.config.write_text(config)
    manager = DynamoDBNamespaceManager("n", **{**options, **helper.options})
    assert message in str(failure(manager))
    helper.config.write_text(complete)
    clock.advance(1)
    assert "value" == manager[b"k"]


def test_credentials_are_searched_once_a_second(
    options: dict[str, Any], monkeypatch: pytest.MonkeyPatch, server: FakeServer, clock: Clock
) -> None:
    searches = []

    def load_credentials(resolver: Any) -> None:
        searches.extend(resolver.providers[:1])

    with monkeypatch.context() as patch:
        patch.setattr("botocore.credentials.CredentialResolver.load_credentials", load_credentials)
        manager = DynamoDBNamespaceManager("id", **options)
        for seconds, count in ((0, 1), (0.9, 1), (0.1, 2), (0, 2)):
            clock.advance(seconds)
            assert "no AWS credentials were found" in str(failure(manager))
            assert count == len(searches)
    assert [] == server.requests
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testkey")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testsecret")
    clock.advance(1)
    assert "value" == manager[b"k"]


def test_each_request_uses_fresh_credentials(
    options: dict[str, Any], helper: Helper, server: FakeServer
) -> None:
    manager = DynamoDBNamespaceManager("n", **{**options, **helper.options})
    for key, seconds in (("first", 60), ("second", 60), ("third", 7200)):
        helper.returns(key, seconds)
        assert "value" == manager[b"k"]
    assert ["value"] * 2 == [manager[b"k"] for _ in range(2)]
    assert ["first", "second", "third", "third", "third"] == keys(server)
    for request in server.requests:
        assert f"token of {request.access_key}" == request.headers["x-amz-security-token"]


@pytest.mark.parametrize(
    ("use", "error"),
    [
        (lambda manager: manager[b"k"], REFUSED),
        (lambda manager: manager.set_value(b"k", "v"), ("ExpiredTokenException", "no")),
    ],
)
def test_replaced_keys_are_read_at_the_first_refusal(
    options: dict[str, Any],
    server: FakeServer,
    key_file: KeyFile,
    use: Callable[[DynamoDBNamespaceManager], object],
    error: tuple[str, str],
) -> None:
    manager = DynamoDBNamespaceManager("n", **{**options, **key_file.options})
    use(manager)
    key_file.write("new")
    accept(server, "new", error=error)
    use(manager)
    use(manager)
    assert ["old", "new", "new"] == keys(server)


@boto3_only
def test_the_wait_between_renewals_doubles_up_to_a_minute_until_one_succeeds(
    options: dict[str, Any], server: FakeServer, key_file: KeyFile, clock: Clock
) -> None:
    accept(server)
    cache = DynamoDBNamespaceManager("n", **{**options, **key_file.options})

    def requests_after(seconds: float) -> int:
        clock.advance(seconds)
        server.requests.clear()
        assert "UnrecognizedClientException" == failure(cache).aws_code
        return len(server.requests)

    assert 2 == requests_after(0)
    for wait in (1, 2, 4, 8, 16, 32, 60, 60):
        assert 1 == requests_after(wait - 0.5)
        assert 2 == requests_after(0.5)
    clock.advance(60)
    for name in ("second", "third", "fourth"):
        key_file.write(name)
        accept(server, name)
        assert "value" == cache[b"k"]


def test_threads_with_refused_credentials_create_one_client(
    options: dict[str, Any], server: FakeServer, helper: Helper
) -> None:
    helper.returns("old")
    manager = DynamoDBNamespaceManager("n", **{**options, **helper.options})
    assert "value" == manager[b"k"]
    helper.returns("new")
    together = threading.Barrier(THREADS)

    def plan(request: Request) -> dict[str, Any]:
        if request.access_key != "old":
            return {}
        together.wait(60)
        return refusal(*REFUSED)

    server.plan = plan
    with ThreadPoolExecutor(THREADS) as threads:
        found = list(threads.map(lambda _: manager[b"k"], range(THREADS)))
    assert ["value"] * THREADS == found
    assert 2 == helper.runs


def test_an_application_s_client_and_keys_are_not_replaced(
    options: dict[str, Any], server: FakeServer, key_file: KeyFile
) -> None:
    session = boto3.session.Session(profile_name="filed")
    own = session.client("dynamodb", region_name="eu-west-1", endpoint_url=server.url)
    with_keys = {**options, "aws_access_key_id": "mine", "aws_secret_access_key": "s"}
    for key, given in (("old", {"client": own}), ("mine", with_keys)):
        accept(server, key)
        manager = DynamoDBNamespaceManager("n", **given)
        client = manager.client
        assert "value" == manager[b"k"]
        key_file.write("new")
        accept(server, "new")
        assert "UnrecognizedClientException" == failure(manager).aws_code
        assert [key] == keys(server)
        assert client is manager.client


#: AWS's messages. The signature was made at noon, ten minutes off.
EXPIRED = (
    "Signature expired: 20261126T120000Z is now earlier than 20261126T120500Z "
    "(20261126T121000Z - 5 min.)"
)
NOT_YET = (
    "Signature not yet current: 20261126T120000Z is still later than 20261126T115500Z "
    "(20261126T115000Z + 5 min.)"
)
NOON = calendar.timegm((2026, 11, 26, 12, 0, 0))


@pytest.fixture(params=["boto3", "lean", "own client"])
def manager(request: pytest.FixtureRequest, server: FakeServer) -> DynamoDBNamespaceManager:
    options: dict[str, Any] = {**OFFLINE, "endpoint_url": server.url}
    if request.param == "own client":
        client = boto3.session.Session().client("dynamodb", **options)
        manager = DynamoDBNamespaceManager("n", client=client)
    else:
        manager = DynamoDBNamespaceManager("n", **options, transport=request.param)
    assert "value" == manager[b"k"]
    server.requests.clear()
    return manager


@pytest.mark.parametrize(
    "error",
    [
        ("InvalidSignatureException", EXPIRED),
        ("RequestTimeTooSkewed", ""),
    ],
)
def test_a_request_with_an_old_signature_is_signed_again(
    server: FakeServer,
    manager: DynamoDBNamespaceManager,
    monkeypatch: pytest.MonkeyPatch,
    error: tuple[str, str],
) -> None:
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 5 * len(server.requests))
    server.faults.append(refusal(*error))
    assert "value" == manager[b"k"]
    assert 2 == len(server.requests)
    if manager.backend.options.transport == "lean":  # botocore does not use time.time
        assert 2 == len({request.headers["x-amz-date"] for request in server.requests})


@pytest.mark.parametrize(
    ("message", "date", "difference"),
    [
        (EXPIRED, NOON + 612, "this host's clock is 612 seconds behind the server's"),
        (NOT_YET, NOON - 599, "this host's clock is 599 seconds ahead of the server's"),
        ("The request signature we calculated does not match", NOON, ""),
    ],
)
def test_a_wrong_clock_is_reported(
    server: FakeServer,
    manager: DynamoDBNamespaceManager,
    message: str,
    date: float,
    difference: str,
) -> None:
    server.faults += [refusal("InvalidSignatureException", message)] * 3
    server.date = date
    error = failure(manager)
    assert difference in str(error)
    assert bool(difference) is ("clock" in str(error))
    assert message in str(error)
    assert "InvalidSignatureException" == error.aws_code
    assert (2 if difference else 1) == len(server.requests)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (("InvalidSignatureException", EXPIRED), Remedy.FRESH_SIGNATURE),
        (("InvalidSignatureException", NOT_YET), Remedy.FRESH_SIGNATURE),
        (("RequestExpired", "Request has expired."), Remedy.FRESH_SIGNATURE),
        (("InvalidSignatureException", "does not match"), Remedy.FRESH_CREDENTIALS),
        (("SignatureDoesNotMatch", "no"), Remedy.FRESH_CREDENTIALS),
        (("InvalidClientTokenId", "no"), Remedy.FRESH_CREDENTIALS),
        (("ExpiredToken", "no"), Remedy.FRESH_CREDENTIALS),
        (("ThrottlingException", "no"), None),
    ],
)
def test_remedies(error: tuple[str, str], expected: Remedy | None) -> None:
    code, message = error
    assert expected is remedy_of_response({"Error": {"Code": code, "Message": message}})


@pytest.mark.parametrize(
    ("message", "date", "difference"),
    [
        (EXPIRED, None, "is 600 seconds behind the server's"),
        (NOT_YET, "yesterday", "is 600 seconds ahead of the server's"),
        ("Signature expired", None, "differs from the server's"),
        ("Signature expired", "yesterday", "differs from the server's"),
    ],
)
def test_the_clock_difference_without_a_usable_date(
    message: str, date: str | None, difference: str
) -> None:
    response = {
        "Error": {"Message": message},
        "ResponseMetadata": {"HTTPHeaders": {} if date is None else {"date": date}},
    }
    assert f"this host's clock {difference}" == clock_difference(response)
