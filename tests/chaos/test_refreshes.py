"""A refresh of the access time that fails: the page is served, and not every page waits for it."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from beaker_dynamodb import AccessDenied, DynamoDBError, StoreUnavailable
from beaker_dynamodb.dynamodb.event_counter import WARNING_SECONDS
from beaker_dynamodb.sessions import refreshes
from beaker_dynamodb.sessions.refreshes import PAUSE_SECONDS, Refreshes
from tests.chaos.faults import answers, refusal, silence
from tests.chaos.load import SITES
from tests.chaos.proxy import Fault, Plan
from tests.clock import Clock
from tests.sessions.site import Site, log_out, store, values

if TYPE_CHECKING:
    from tests.chaos.proxy import FaultProxy

LIFE = 1800
#: 5 % of the life.
INTERVAL = 90
FAULTS = {
    "throttled": refusal(400, "ThrottlingException"),
    "denied": refusal(400, "AccessDeniedException"),
    "internal": refusal(500, "InternalServerError"),
    "silent": silence,
    "unknown": refusal(400, "SomethingNewException"),
}
WRITES = ["PutItem", "DeleteItem", "TransactWriteItems"]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock(4_000_000_000.0)
    moved = SimpleNamespace(time=clock, strftime=time.strftime)
    monkeypatch.setattr("beaker.session.time", moved)
    return clock


@pytest.fixture
def watch(through: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of pauses and warnings."""
    watch = Clock(0.0)
    monkeypatch.setattr(refreshes, "Refreshes", lambda table: Refreshes(table, watch))
    return watch


@pytest.fixture(params=SITES)
def middleware(request: pytest.FixtureRequest) -> str:
    middleware: str = request.param
    return middleware


@pytest.fixture
def settings(
    middleware: str, through: dict[str, object], clock: Clock, watch: Clock
) -> dict[str, object]:
    return {**through, **SITES[middleware], "clock": clock, "timeout": LIFE}


@pytest.fixture
def site(middleware: str, settings: dict[str, object]) -> Site:
    return Site(middleware, {**settings, "read_timeout": 1.0, "max_attempts": 1})


@pytest.fixture
def cookie(middleware: str, settings: dict[str, object], clock: Clock) -> str:
    """The cookie of a session whose access time is due for a refresh."""
    cookie = Site(middleware, settings)(store(name="Ada")).cookie
    clock.advance(INTERVAL)
    return cookie


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "beaker_dynamodb"]


def fail(proxy: FaultProxy, fault: Fault) -> Plan:
    return proxy.inject(Plan(fault, operations=WRITES))


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_ten_pages_are_served_and_make_one_attempt(
    proxy: FaultProxy, site: Site, cookie: str, fault: Fault, caplog: pytest.LogCaptureFixture
) -> None:
    plan = fail(proxy, fault)
    answers = [site(values, cookie) for _ in range(10)]
    assert [{"name": "Ada"}] * 10 == [answer.result for answer in answers]
    assert 1 == plan.faults
    assert 1 == len(warnings(caplog))


def test_one_page_tries_after_the_pause_and_then_all_do(
    proxy: FaultProxy, site: Site, cookie: str, clock: Clock, watch: Clock
) -> None:
    plan = fail(proxy, FAULTS["throttled"])
    site(values, cookie)
    watch.advance(PAUSE_SECONDS)
    site(values, cookie)
    site(values, cookie)
    assert 2 == plan.faults

    answers(proxy)
    watch.advance(PAUSE_SECONDS)
    other = site(store(name="Grace")).cookie
    clock.advance(INTERVAL)
    counted = proxy.inject(Plan(silence, 0, operations=WRITES))
    site(values, cookie)
    site(values, other)
    assert 2 == counted.requests


def test_a_warning_a_minute_tells_how_many_were_left_out(
    proxy: FaultProxy, site: Site, cookie: str, watch: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    fail(proxy, FAULTS["throttled"])
    for _ in range(12):
        site(values, cookie)
        site(values, cookie)
        watch.advance(PAUSE_SECONDS)
    assert WARNING_SECONDS == watch.now
    assert 1 == len(warnings(caplog))
    site(values, cookie)
    first, second = warnings(caplog)
    assert "ThrottlingException" in first
    assert "last warning: 1." in first
    assert "last warning: 24." in second


def test_an_active_user_stays_while_refreshes_fail_for_nine_tenths_of_the_life(
    proxy: FaultProxy, site: Site, cookie: str, clock: Clock, watch: Clock
) -> None:
    fail(proxy, FAULTS["throttled"])
    for _ in range(9):
        clock.advance(LIFE / 10)
        watch.advance(LIFE / 10)
        assert {"name": "Ada"} == site(values, cookie).result
    answers(proxy)
    watch.advance(PAUSE_SECONDS)
    site(values, cookie)
    clock.advance(LIFE - 1)
    assert {"name": "Ada"} == site(values, cookie).result


@pytest.mark.parametrize("action", [store(name="Grace"), log_out], ids=["saved", "deleted"])
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_what_the_application_asked_for_fails_loudly(
    proxy: FaultProxy, site: Site, cookie: str, fault: Fault, action: Any
) -> None:
    fail(proxy, fault)
    site(values, cookie)  # the pause is not for these
    for _ in range(2):
        with pytest.raises(DynamoDBError):
            site(action, cookie)
    answers(proxy)
    assert {"name": "Ada"} == site(values, cookie).result


def test_a_pending_change_of_id_fails_loudly(proxy: FaultProxy, site: Site, cookie: str) -> None:
    def regenerate(session: Any) -> None:
        session.regenerate_id()

    fail(proxy, FAULTS["throttled"])
    site(values, cookie)
    with pytest.raises(StoreUnavailable):
        site(regenerate, cookie)
    answers(proxy)
    assert {"name": "Ada"} == site(values, cookie).result


def test_a_read_fails_loudly(proxy: FaultProxy, site: Site, cookie: str) -> None:
    proxy.inject(Plan(FAULTS["denied"]))
    with pytest.raises(AccessDenied):
        site(values, cookie)


def test_one_session_that_cannot_be_refreshed_holds_up_no_other(
    middleware: str,
    settings: dict[str, object],
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
    proxy: FaultProxy,
) -> None:
    large = Site(middleware, settings)(store(name="x" * 500)).cookie
    small = Site(middleware, settings)(store(name="Ada")).cookie
    clock.advance(INTERVAL)
    # The limit was lowered since the session was saved.
    site = Site(middleware, {**settings, "max_value_size": 400})
    counted = proxy.inject(Plan(silence, 0, operations=WRITES))
    for _ in range(3):
        assert {"name": "x" * 500} == site(values, large).result
    assert 0 == counted.requests
    assert 1 == len(warnings(caplog))
    site(values, small)
    assert 1 == counted.requests
