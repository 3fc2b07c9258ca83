"""A signature whose time is refused is made again, once; then the clocks' difference is told."""

from __future__ import annotations

import calendar
import json
import logging
import time
from collections.abc import Iterator
from typing import Any

import pytest

from beaker_dynamodb import DynamoDBNamespaceManager, StoreUnavailable
from beaker_dynamodb.dynamodb import client as clients
from beaker_dynamodb.dynamodb.authentication import clock_difference
from tests.unit.lean_server import LeanServer
from tests.unit.test_client import OFFLINE
from tests.unit.test_hooks import their_client
from tests.unit.test_lean import ITEM

#: As AWS writes them. The signature was made at 12:00:00, ten minutes off.
EXPIRED = (
    "Signature expired: 20261126T120000Z is now earlier than 20261126T120500Z "
    "(20261126T121000Z - 5 min.)"
)
NOT_YET = (
    "Signature not yet current: 20261126T120000Z is still later than 20261126T115500Z "
    "(20261126T115000Z + 5 min.)"
)
NOON = calendar.timegm((2026, 11, 26, 12, 0, 0))


def refusal(message: str, code: str = "InvalidSignatureException") -> dict[str, Any]:
    """Return what the server answers."""
    told = {"__type": f"com.amazon.coral.service#{code}", "message": message}
    return {"status": 400, "body": json.dumps(told).encode()}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[LeanServer]:
    """A server that knows one cache value."""
    monkeypatch.setattr(clients._clients, "_value", {})
    with LeanServer({"Item": ITEM}) as server:
        yield server


@pytest.fixture(params=["boto3", "lean", "own client"])
def manager(request: pytest.FixtureRequest, server: LeanServer) -> DynamoDBNamespaceManager:
    """A cache over the server, by each transport, that has made a call."""
    options = {**OFFLINE, "endpoint_url": server.url}
    if request.param == "own client":
        made = DynamoDBNamespaceManager("n", client=their_client(server))
    else:
        made = DynamoDBNamespaceManager("n", **options, transport=request.param)
    assert "value" == made[b"k"]
    server.requests.clear()
    return made


@pytest.mark.parametrize(
    "fault",
    [
        refusal(EXPIRED),
        refusal(NOT_YET),
        refusal("", "RequestTimeTooSkewed"),
        refusal("Request has expired.", "RequestExpired"),
    ],
    ids=["expired", "not yet", "skewed", "request expired"],
)
def test_a_frozen_machine_that_thaws_signs_again(
    server: LeanServer,
    manager: DynamoDBNamespaceManager,
    monkeypatch: pytest.MonkeyPatch,
    fault: dict[str, Any],
) -> None:
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 5 * len(server.requests))
    server.faults.append(fault)
    assert "value" == manager[b"k"]
    if manager.backend.options.client is not None:
        assert 2 == len(server.requests)  # botocore takes the time of its signatures elsewhere
        return
    dates = {request.headers["x-amz-date"] for request in server.requests}
    assert 2 == len(dates) == len(server.requests)


@pytest.mark.parametrize(
    ("message", "date", "said"),
    [
        (EXPIRED, NOON + 612, "this host's clock is 612 seconds behind the server's"),
        (NOT_YET, NOON - 599, "this host's clock is 599 seconds ahead of the server's"),
    ],
)
def test_a_clock_that_stays_wrong_is_told(
    server: LeanServer, manager: DynamoDBNamespaceManager, message: str, date: float, said: str
) -> None:
    server.faults += [refusal(message)] * 3
    server.date = date
    with pytest.raises(StoreUnavailable, match=said) as caught:
        manager[b"k"]
    assert "InvalidSignatureException" == caught.value.aws_code
    assert message in str(caught.value)
    assert 2 == len(server.requests)


def test_the_messages_own_times_are_enough() -> None:
    for message, said in [(EXPIRED, "600 seconds behind"), (NOT_YET, "600 seconds ahead of")]:
        assert said in clock_difference({"Error": {"Message": message}})


def test_without_any_time_no_number_is_invented() -> None:
    answer: dict[str, Any] = {"Error": {"Message": "Signature expired"}}
    assert not any(map(str.isdigit, clock_difference(answer)))
    answer["ResponseMetadata"] = {"HTTPHeaders": {"date": "yesterday"}}
    assert not any(map(str.isdigit, clock_difference(answer)))


def test_a_signature_by_a_wrong_key_is_no_matter_of_clocks(
    server: LeanServer, manager: DynamoDBNamespaceManager, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    server.faults += [refusal("The request signature we calculated does not match")] * 3
    with pytest.raises(StoreUnavailable) as caught:
        manager[b"k"]
    assert "clock" not in str(caught.value)
    assert 1 == len(server.requests)
