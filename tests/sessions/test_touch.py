"""Refreshes of the access time: `touch_interval`, and failed refreshes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError

from beaker_dynamodb import DynamoDBError, DynamoDBNamespaceManager
from beaker_dynamodb.config.beaker_settings import BEAKER_SLACK_SECONDS as SLACK
from beaker_dynamodb.dynamodb.event_counter import WARNING_SECONDS
from beaker_dynamodb.sessions import refreshes
from beaker_dynamodb.sessions.refreshes import PAUSE_SECONDS, Refreshes
from tests.clock import Clock
from tests.servers.recorder import CallRecorder
from tests.sessions.site import MIDDLEWARES, Action, Site, log_out, store, values

LIFE = 1800
#: 5 % of the lifetime.
INTERVAL = 90


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Clock:
    watch = Clock(0.0)
    monkeypatch.setattr(refreshes, "Refreshes", lambda table: Refreshes(table, watch))
    return watch


@pytest.fixture
def moved(moved: dict[str, object], watch: Clock) -> dict[str, object]:
    return {**moved, "timeout": LIFE}


@pytest.fixture
def sent(moved: dict[str, object]) -> Iterator[CallRecorder]:
    with CallRecorder(DynamoDBNamespaceManager("any", **moved).client) as sent:
        yield sent


@pytest.fixture
def site(moved: dict[str, object]) -> Site:
    return Site("ours", moved)


@pytest.fixture
def cookie(site: Site) -> str:
    return site(store(name="Ada")).cookie


def calls_of_a_read(site: Site, cookie: str, sent: CallRecorder) -> list[str]:
    sent.clear()
    assert {"name": "Ada"} == site(values, cookie).result
    return sent.operations


@pytest.mark.parametrize(
    ("middleware", "auto"), [("beaker", False), ("ours", False), ("ours", True)]
)
def test_a_read_costs_a_conditional_write_only_after_the_interval(
    middleware: str, auto: bool, moved: dict[str, object], clock: Clock, sent: CallRecorder
) -> None:
    site = Site(middleware, {**moved, "auto": auto})
    cookie = site(store(name="Ada")).cookie
    clock.advance(INTERVAL - 0.001)
    assert ["GetItem"] == calls_of_a_read(site, cookie, sent)
    clock.advance(0.001)
    assert ["GetItem", "PutItem"] == calls_of_a_read(site, cookie, sent)
    assert "ConditionExpression" in sent[1].params
    assert ["GetItem"] == calls_of_a_read(site, cookie, sent)


@pytest.mark.parametrize(
    ("timeout", "touch_interval", "interval"),
    [
        pytest.param(None, None, 300, id="5 % of a day, at most 300 s"),
        pytest.param(LIFE, "60", 60, id="configured"),
        pytest.param(LIFE + SLACK, 10_000, 180, id="at most 10 % of the lifetime"),
        pytest.param(LIFE, 0, 0, id="each request"),
    ],
)
def test_the_interval_follows_from_the_options(
    options: dict[str, Any], timeout: int | None, touch_interval: object, interval: int
) -> None:
    options |= {"timeout": timeout, "touch_interval": touch_interval}
    assert interval * 1000 == DynamoDBNamespaceManager("any", **options).session.touch_interval_ms


@pytest.mark.owasp("7.3.1")
@pytest.mark.parametrize("middleware", MIDDLEWARES)
def test_an_active_user_stays_logged_in_and_an_idle_one_does_not(
    middleware: str, moved: dict[str, object], clock: Clock
) -> None:
    site = Site(middleware, moved)
    cookie = site(store(name="Ada")).cookie
    for pause in (INTERVAL - 1, LIFE - INTERVAL) * 10:
        clock.advance(pause)
        assert {"name": "Ada"} == site(values, cookie).result
    clock.advance(LIFE + 1)
    assert {} == site(values, cookie).result


# -- concurrent requests ----------------------------------------------------------------------


def slow_request(site: Site, cookie: str, *steps: Any) -> None:
    def action(session: Any) -> None:
        assert "Ada" == session["name"]
        for step in steps:
            step(session)

    site(action, cookie)


@pytest.mark.parametrize(
    ("action", "found"), [(store(name="Grace"), {"name": "Grace"}), (log_out, {})]
)
@pytest.mark.both_servers
def test_a_touch_has_no_effect_after_another_requests_save_or_logout(
    site: Site, cookie: str, clock: Clock, sent: CallRecorder, action: Action, found: Any
) -> None:
    clock.advance(INTERVAL)
    slow_request(site, cookie, lambda _: site(action, cookie), lambda _: sent.clear())
    assert ["ConditionalCheckFailedException"] == [call.error_code for call in sent]
    assert found == site(values, cookie).result


def test_a_save_does_not_conflict_with_another_requests_touch(
    site: Site, cookie: str, clock: Clock, sent: CallRecorder
) -> None:
    clock.advance(INTERVAL)
    steps = [lambda _: site(values, cookie), lambda _: sent.clear(), store(name="Grace")]
    slow_request(site, cookie, *steps)
    assert [("PutItem", None)] == [(call.operation, call.error_code) for call in sent]
    assert {"name": "Grace"} == site(values, cookie).result


@pytest.mark.parametrize(
    ("middleware", "action", "concurrency"),
    [
        ("ours", values, "merge"),
        ("ours", store(name="Grace"), "reject"),
        # Beaker writes the time when the request began.
        ("beaker", store(name="Grace"), "merge"),
    ],
)
def test_a_long_request_keeps_the_later_access_time_of_another(
    moved: dict[str, object], clock: Clock, middleware: str, action: Action, concurrency: str
) -> None:
    site = Site(middleware, {**moved, "concurrency": concurrency})
    cookie = site(store(name="Ada")).cookie
    steps = [lambda _: clock.advance(LIFE - 10), lambda _: site(values, cookie)]
    slow_request(site, cookie, *steps, lambda _: clock.advance(5), action)
    clock.advance(LIFE - 10)
    assert "name" in site(values, cookie).result


# -- failed refreshes -------------------------------------------------------------------------


def refusal(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "PutItem")


THROTTLED = refusal("ThrottlingException")


class Writes:
    attempts = 0
    error: Exception | None = None

    def __call__(self, **_: object) -> None:
        self.attempts += 1
        if self.error is not None:
            raise self.error


@pytest.fixture
def writes(moved: dict[str, Any], cookie: str, clock: Clock) -> Iterator[Writes]:
    """Attempts to write, from the time when the session is due for a refresh."""
    events = DynamoDBNamespaceManager("any", **moved).client.meta.events
    writes = Writes()
    clock.advance(INTERVAL)
    events.register("before-parameter-build.dynamodb.PutItem", writes)
    yield writes
    events.unregister("before-parameter-build.dynamodb.PutItem", writes)


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "beaker_dynamodb"]


@pytest.mark.parametrize(
    "error",
    [THROTTLED, refusal("AccessDeniedException"), ConnectionClosedError(endpoint_url="")],
    ids=["throttled", "denied", "no response"],
)
def test_a_failed_refresh_fails_no_page_and_is_tried_once(
    site: Site, cookie: str, writes: Writes, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    writes.error = error
    for _ in range(10):
        assert {"name": "Ada"} == site(values, cookie).result
    assert 1 == writes.attempts
    (warning,) = warnings(caplog)
    assert "cannot refresh a session's access time" in warning


def test_one_page_tries_after_the_pause_and_all_pages_after_a_success(
    site: Site, cookie: str, writes: Writes, clock: Clock, watch: Clock
) -> None:
    writes.error = THROTTLED
    site(values, cookie)
    watch.advance(PAUSE_SECONDS)
    site(values, cookie)
    site(values, cookie)
    assert 2 == writes.attempts
    writes.error = None
    watch.advance(PAUSE_SECONDS)
    other = site(store(name="Grace")).cookie
    clock.advance(INTERVAL)
    writes.attempts = 0
    site(values, cookie)
    site(values, other)
    assert 2 == writes.attempts


def test_one_warning_a_minute_says_how_many_refreshes_were_missed(
    site: Site, cookie: str, writes: Writes, watch: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    writes.error = THROTTLED
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


@pytest.mark.parametrize("action", [store(name="Grace"), log_out], ids=["save", "logout"])
def test_saves_and_logouts_raise_the_error_even_during_the_pause(
    site: Site, cookie: str, writes: Writes, action: Action
) -> None:
    writes.error = THROTTLED
    site(values, cookie)
    for _ in range(2):
        with pytest.raises(DynamoDBError):
            site(action, cookie)
    writes.error = None
    assert {"name": "Ada"} == site(values, cookie).result


def test_a_session_that_cannot_be_refreshed_does_not_pause_the_others(
    site: Site,
    clock: Clock,
    sent: CallRecorder,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    large, small = (site(store(name=name)).cookie for name in ("x" * 500, "Ada"))
    clock.advance(INTERVAL)
    # The limit was lowered after the session was saved.
    monkeypatch.setattr("beaker_dynamodb.items.chunks.MAX_VALUE_BYTES", 400)
    sent.clear()
    for _ in range(3):
        assert {"name": "x" * 500} == site(values, large).result
    assert ["GetItem"] * 3 == sent.operations
    assert 1 == len(warnings(caplog))
    site(values, small)
    assert "PutItem" == sent.operations[-1]
