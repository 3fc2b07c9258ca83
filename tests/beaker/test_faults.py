"""A store that does not answer, as Beaker's middleware takes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from beaker.exceptions import BeakerWarning
from botocore.config import Config
from botocore.exceptions import ClientError, ReadTimeoutError
from pyramid.testing import DummyRequest
from pyramid_beaker import session_factory_from_settings

from beaker_dynamodb import StoreUnavailable
from beaker_dynamodb.config.parse import Options
from tests.beaker import COOKIE, Browser, values
from tests.clock import Clock
from tests.dynamodb.breakers import without_probes

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

    from tests.servers.endpoint import Endpoint

CORRUPT = "Invalidating corrupt session"


@pytest.fixture
def faulty(endpoint: Endpoint) -> tuple[DynamoDBClient, Callable[[int], None]]:
    """A client that tries once, and a function that throttles its next reads."""
    once = Config(retries={"total_max_attempts": 1, "mode": "standard"})
    client = boto3.session.Session().client("dynamodb", **endpoint.options, config=once)
    left = 0

    def fail(**_: object) -> None:
        nonlocal left
        if left:
            left -= 1
            raise ClientError({"Error": {"Code": "ThrottlingException"}}, "GetItem")

    def arm(times: int) -> None:
        nonlocal left
        left = times

    client.meta.events.register("before-send.dynamodb.GetItem", fail)
    return client, arm


Faulty = tuple["DynamoDBClient", Callable[[int], None]]


@pytest.mark.parametrize("setting", [{}, {"invalidate_corrupt": "false"}], ids=["default", "text"])
def test_short_fault_logs_out(table_name: str, faulty: Faulty, setting: dict[str, Any]) -> None:
    """Plain Beaker answers one failed read with a new session; the text "false" is true to it."""
    client, fail = faulty
    browser = Browser({"table_name": table_name, "client": client, **setting})
    browser.save(name="Ada")
    fail(1)
    with pytest.warns(BeakerWarning, match=CORRUPT):
        assert {} == browser.contents()


def test_silence_logs_nobody_out(table_name: str, client: DynamoDBClient) -> None:
    """Plain Beaker's new session is not read either."""

    def time_out(**_: object) -> None:
        raise ReadTimeoutError(endpoint_url="")

    browser = Browser({"table_name": table_name, "client": client})
    breaker = without_probes(Options(client=client), Clock())
    browser.save(name="Ada")
    client.meta.events.register("before-send.dynamodb.GetItem", time_out)
    with pytest.warns(BeakerWarning, match=CORRUPT), pytest.raises(StoreUnavailable):
        browser.contents()
    client.meta.events.unregister("before-send.dynamodb.GetItem", time_out)
    breaker.answered()
    assert {"name": "Ada"} == browser.contents()


def test_way_out(table_name: str, faulty: Faulty) -> None:
    """With a Python False the fault is an error, and the session is still there afterwards."""
    client, fail = faulty
    browser = Browser({"table_name": table_name, "client": client}, invalidate_corrupt=False)
    browser.save(name="Ada")
    fail(1)
    with pytest.raises(StoreUnavailable):
        browser.contents()
    assert {"name": "Ada"} == browser.contents()


def test_long_fault(table_name: str, faulty: Faulty) -> None:
    """While the fault lasts, plain Beaker too lets the error through: its new session fails."""
    client, fail = faulty
    browser = Browser({"table_name": table_name, "client": client})
    browser.save(name="Ada")
    fail(2)
    with (
        pytest.warns(BeakerWarning, match=CORRUPT),
        pytest.raises(StoreUnavailable),
    ):
        browser.contents()
    assert {"name": "Ada"} == browser.contents()


def test_pyramid(table_name: str, faulty: Faulty) -> None:
    """pyramid_beaker lets the fault through, unless the INI file says anything, "false" even."""
    client, fail = faulty
    settings = {
        "session.type": "ext:dynamodb",
        "session.table_name": table_name,
        "session.client": client,
    }
    request = DummyRequest(environ={"HTTP_COOKIE": f"{COOKIE}=0123"})
    session_factory_from_settings(settings)(request).save()
    fail(1)
    with pytest.raises(StoreUnavailable):
        session_factory_from_settings(settings)(request).load()

    settings["session.invalidate_corrupt"] = "false"
    fail(1)
    with pytest.warns(BeakerWarning, match=CORRUPT):
        assert [] == list(values(session_factory_from_settings(settings)(request)))
