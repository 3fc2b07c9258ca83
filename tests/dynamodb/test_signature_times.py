"""A signature with a wrong time is made again, and then reported as this host's wrong clock."""

from __future__ import annotations

import calendar
import time

import pytest

from beaker_dynamodb import DynamoDBNamespaceManager, StoreUnavailable
from beaker_dynamodb.dynamodb.authentication import Remedy, clock_difference, remedy_of_response
from tests.dynamodb.fake_server import FakeServer, plain_client, refusal, warm

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


@pytest.fixture(params=["lean", "own client"])
def manager(request: pytest.FixtureRequest, server: FakeServer) -> DynamoDBNamespaceManager:
    if request.param == "lean":
        return warm(server, transport="lean")
    return DynamoDBNamespaceManager("n", client=plain_client(server.url))


@pytest.mark.parametrize(
    "error", [("InvalidSignatureException", EXPIRED), ("RequestTimeTooSkewed", "")]
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
    monkeypatch: pytest.MonkeyPatch,
    message: str,
    date: float,
    difference: str,
) -> None:
    monkeypatch.setattr(time, "time", lambda: NOON)
    server.faults += [refusal("InvalidSignatureException", message)] * 3
    server.date = date
    with pytest.raises(StoreUnavailable) as caught:
        manager[b"k"]
    assert difference in str(caught.value)
    assert bool(difference) is ("clock" in str(caught.value))
    assert message in str(caught.value)
    assert "InvalidSignatureException" == caught.value.aws_code
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


@pytest.mark.parametrize("headers", [{}, {"date": "yesterday"}])
def test_the_clock_difference_without_a_usable_date(headers: dict[str, str]) -> None:
    response = {"ResponseMetadata": {"HTTPHeaders": headers}}
    assert "this host's clock differs from the server's" == clock_difference(response)
