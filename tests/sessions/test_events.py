"""What is reported about sessions: to ``on_event``, and in the log."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from beaker_dynamodb import (
    ConfigurationError,
    PayloadError,
    SessionConflict,
    SessionEvent,
    SessionStore,
    StoreUnavailable,
    TooManySessions,
)
from beaker_dynamodb.config.parse import parse
from beaker_dynamodb.items.keys import session_digest
from beaker_dynamodb.session import DynamoDBSession
from beaker_dynamodb.sessions import events, users
from tests.chaos.scripted import ARRIVED, LOST, TWICE, scripted_calls
from tests.clock import Clock
from tests.servers.lesser import lesser
from tests.servers.recorder import CallRecorder
from tests.sessions.driven import Visitor, save, stored_sessions
from tests.sessions.site import COOKIE, UNKNOWN, Site, log_out, store
from tests.sessions.test_users import USER, before_write

SECRET = "0123456789abcdef"


@pytest.fixture
def reported() -> list[SessionEvent]:
    return []


@pytest.fixture
def options(options: dict[str, Any], clock: Clock, reported: list[SessionEvent]) -> dict[str, Any]:
    return {**options, "clock": clock, "on_event": reported.append}


@pytest.fixture
def visitor(options: dict[str, Any], reported: list[SessionEvent]) -> Visitor:
    visitor = Visitor(options, DynamoDBSession)
    visitor.starts(a=1)
    reported.clear()
    return visitor


@pytest.fixture
def site(options: dict[str, Any]) -> Site:
    return Site("ours", options)


def words(reported: list[SessionEvent]) -> list[str]:
    return [f"{event.kind} {event.reason}".strip() for event in reported]


# -- a session's own requests -----------------------------------------------------------------


@pytest.mark.owasp("16.3.3")
def test_requests_report_the_first_save_the_new_id_and_the_log_out_once(
    options: dict[str, Any], reported: list[SessionEvent], clock: Clock
) -> None:
    visitor = Visitor(options, DynamoDBSession)
    session = visitor.starts(a=1)
    first = session_digest(session.id)
    session["b"] = 2
    session.save()
    visitor.request().save(accessed_only=True)
    session.regenerate_id()
    session.save()
    second = session_digest(session.id)
    session.delete()
    session.save()
    assert [
        SessionEvent("created", "", first, "", clock.now),
        SessionEvent("regenerated", "", second, first, clock.now),
        SessionEvent("ended", "log_out", second, "", clock.now),
    ] == reported


@pytest.mark.parametrize(
    "end",
    [log_out, lambda session: session.invalidate(), lambda session: session.clear()],
    ids=["delete", "invalidate", "clear"],
)
def test_each_way_to_end_a_session_is_a_log_out(
    visitor: Visitor, reported: list[SessionEvent], end: Callable[[Any], object]
) -> None:
    session, late = visitor.request(), visitor.request()
    end(session)
    session.save()
    late.delete()
    assert ["ended log_out"] == words(reported)[:1]
    assert ["ended log_out"] == [word for word in words(reported) if word.startswith("ended")]


def test_a_session_that_was_not_stored_does_not_end(
    options: dict[str, Any], reported: list[SessionEvent]
) -> None:
    session = Visitor(options, DynamoDBSession).request()
    session["a"] = 1
    session.invalidate()
    session.delete()
    assert [] == reported


def test_plain_beaker_reports_what_its_backend_does(
    options: dict[str, Any], reported: list[SessionEvent]
) -> None:
    visitor = Visitor(options)
    visitor.starts(a=1)
    visitor.at_once(lambda session: save(session, b=1), lambda session: save(session, c=1))
    session = visitor.request()
    session.delete()
    session.save()
    assert ["created", "merged", "ended log_out"] == words(reported)


@pytest.mark.parametrize("more", [{}, {"concurrency": "overwrite"}], ids=["merge", "overwrite"])
def test_a_save_after_the_end_is_reported_as_dropped(
    visitor: Visitor, reported: list[SessionEvent], more: dict[str, object]
) -> None:
    visitor.options |= more
    session = visitor.request()
    visitor.request().delete()
    reported.clear()
    save(session, b=1)
    assert ["dropped"] == words(reported)
    assert session_digest(visitor.id or "") == reported[0].session


def test_concurrent_changes_are_reported_as_merged_or_as_a_conflict(
    visitor: Visitor, reported: list[SessionEvent]
) -> None:
    visitor.at_once(lambda session: save(session, b=1), lambda session: save(session, c=1))
    assert ["merged"] == words(reported)
    reported.clear()
    visitor.options["concurrency"] = "reject"
    with pytest.raises(SessionConflict):
        visitor.at_once(lambda session: save(session, b=2), lambda session: save(session, c=2))
    assert ["conflict"] == words(reported)


# -- responses that are lost --------------------------------------------------------------------


def test_a_save_that_was_sent_twice_is_neither_merged_nor_created_twice(
    options: dict[str, Any], reported: list[SessionEvent]
) -> None:
    visitor = Visitor(options, DynamoDBSession)
    with scripted_calls() as script:
        script.begin([TWICE])
        session = visitor.starts(a=1)
        script.begin([TWICE])
        save(session, b=1)
    assert ["created"] == words(reported)


@pytest.mark.parametrize("fate", [LOST, ARRIVED])
def test_a_repeated_save_reports_what_the_failed_one_began(
    visitor: Visitor, options: dict[str, Any], reported: list[SessionEvent], fate: str
) -> None:
    new, known = Visitor(options, DynamoDBSession).request(), visitor.request()
    known.regenerate_id()
    for session in (new, known):
        session["b"] = 1
        with scripted_calls() as script:
            script.begin([fate])
            with pytest.raises(StoreUnavailable):
                session.save()
        failed = len(reported)
        session.save()
        assert failed == len(reported) - 1
    assert ["created", "regenerated"] == words(reported)


def test_a_log_out_whose_response_was_lost_is_reported(
    visitor: Visitor, reported: list[SessionEvent]
) -> None:
    session = visitor.request()
    with scripted_calls() as script:
        script.begin([TWICE])
        session.delete()
    assert ["ended log_out"] == words(reported)


def test_an_id_that_changes_without_transactions_is_reported_once(
    visitor: Visitor, reported: list[SessionEvent]
) -> None:
    session = visitor.request()
    session.regenerate_id()
    with lesser(visitor.client):
        session.save()
    assert ["regenerated"] == words(reported)


# -- ids and cookies that open no session -------------------------------------------------------


@pytest.mark.owasp("16.3.3", "Detecting Session ID Anomalies")
def test_an_unknown_id_is_refused(site: Site, reported: list[SessionEvent]) -> None:
    site(len, UNKNOWN)
    assert ["refused unknown_id"] == words(reported)
    assert session_digest(UNKNOWN.partition("=")[2]) == reported[0].session


def test_an_id_that_the_application_chose_is_not_refused(
    options: dict[str, Any], reported: list[SessionEvent]
) -> None:
    visitor = Visitor(options, DynamoDBSession)
    visitor.id = "device-1"
    visitor.request()
    assert [] == reported


def test_the_cookie_of_a_session_that_has_just_ended_is_refused(
    site: Site, reported: list[SessionEvent]
) -> None:
    cookie = site(store(a=1)).cookie
    site(log_out, cookie)
    site(store(b=1), cookie)
    assert ["created", "ended log_out", "refused has_ended"] == words(reported)


@pytest.mark.owasp("16.3.3", "Detecting Session ID Anomalies")
@pytest.mark.parametrize("value", ["", "sha256.0.1", "x" * 32])
def test_a_cookie_without_a_valid_signature_is_refused(
    options: dict[str, Any], reported: list[SessionEvent], value: str
) -> None:
    site = Site("ours", {**options, "secret": SECRET})
    cookie = site(store(a=1)).cookie
    reported.clear()
    site(len, f"{COOKIE}={value}; other=1")
    assert (["refused bad_signature"] if value else []) == words(reported)
    reported.clear()
    site(len, f"{COOKIE}={value}; {cookie}")
    assert [] == reported


def test_an_expired_session_is_reported_by_each_request_that_meets_it(
    options: dict[str, Any], reported: list[SessionEvent], clock: Clock
) -> None:
    site = Site("ours", {**options, "timeout": 600})
    cookie = site(store(a=1)).cookie
    reported.clear()
    clock.advance(601)  # Beaker's timeout; the item expires 120 s later
    site(len, cookie)
    clock.advance(600)
    site(len, cookie)
    assert ["ended idle"] * 2 == words(reported)


def test_an_item_that_cannot_be_read_is_refused(
    visitor: Visitor, reported: list[SessionEvent]
) -> None:
    (item,) = stored_sessions(visitor.client, visitor.options["table_name"])
    item["codec"] = {"S": "unknown"}
    visitor.client.put_item(TableName=visitor.options["table_name"], Item=item)
    with pytest.raises(PayloadError):
        visitor.request(invalidate_corrupt=False)
    assert ["refused bad_item"] == words(reported)


# -- users and operators ------------------------------------------------------------------------


@pytest.fixture
def with_user(options: dict[str, Any]) -> dict[str, Any]:
    return {**options, **USER, "user_key": "userId"}


def log_in(options: dict[str, Any], **more: Any) -> Any:
    session = Visitor({**options, **more}, DynamoDBSession).request()
    session["userId"] = 42
    session.save()
    return session


def test_events_name_the_user(with_user: dict[str, Any], reported: list[SessionEvent]) -> None:
    session = log_in(with_user)
    session.regenerate_id()
    session.save()
    session.delete()
    assert ["created", "regenerated", "ended log_out"] == words(reported)
    assert [42] * 3 == [event.user for event in reported]
    assert "42" not in repr(reported[0]).replace(reported[0].session, "")


def test_a_revoked_session_is_reported_once(
    with_user: dict[str, Any], reported: list[SessionEvent]
) -> None:
    listed, by_id = log_in(with_user), log_in(with_user)
    session_store = SessionStore(**with_user)
    reported.clear()
    session_store.delete(by_id.id)
    session_store.delete(by_id.id)
    session_store.revoke(userId=42)
    session_store.revoke(userId=42)
    assert ["ended revoked"] * 2 == words(reported)
    assert [session_digest(one.id) for one in (by_id, listed)] == [one.session for one in reported]
    assert [42, 42] == [event.user for event in reported]


@pytest.mark.owasp("16.3.3")
def test_a_log_in_that_was_revoked_is_refused(
    with_user: dict[str, Any], reported: list[SessionEvent], monkeypatch: pytest.MonkeyPatch
) -> None:
    for moment in range(2):
        session = Visitor(with_user, DynamoDBSession).request()
        session["userId"] = 42
        with before_write(moment, lambda: SessionStore(**with_user).revoke(userId=42)):
            session.save()
        assert session.revoked
    assert ["refused revoked"] * 2 == words(reported)
    reported.clear()
    monkeypatch.setattr(users, "SLOW_SECONDS", -1.0)
    session = Visitor(with_user, DynamoDBSession).request()
    session["userId"] = 42

    def revoke() -> None:
        SessionStore(**with_user).revoke(userId=42)
        with_user["clock"].advance(60)

    with before_write(1, revoke):
        session.save()
    assert ["created", "ended revoked"] == words(reported)


def test_a_session_that_makes_room_is_evicted_and_a_log_in_without_room_refused(
    with_user: dict[str, Any], reported: list[SessionEvent]
) -> None:
    first = log_in(with_user, max_sessions=1)
    log_in(with_user, max_sessions=1)
    assert ["created", "ended evicted", "created"] == words(reported)
    assert session_digest(first.id) == reported[1].session
    reported.clear()
    with suppress(TooManySessions):
        log_in(with_user, max_sessions=1, when_exceeded="refuse")
    assert ["refused too_many"] == words(reported)


# -- who is told --------------------------------------------------------------------------------


def test_an_exception_of_the_function_is_logged_and_fails_nothing(
    visitor: Visitor, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(event: SessionEvent) -> None:
        raise RuntimeError("the log server is away")

    visitor.options["on_event"] = fail
    visitor.request().delete()
    (record,) = [one for one in caplog.records if one.levelno == logging.ERROR]
    assert "on_event failed" in record.getMessage()
    assert "the log server is away" in str(record.exc_info)
    assert {} == visitor.finds()


@pytest.mark.owasp("16.2.5", "16.3.3")
def test_the_log_has_one_record_an_event_with_digests_only(
    options: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    del options["on_event"]
    with caplog.at_level(logging.INFO, events.log.name):
        session = Visitor(options, DynamoDBSession).starts(a=1)
        old = session_digest(session.id)
        session.regenerate_id()
        session.save()
    records = [one for one in caplog.records if one.name == events.log.name]
    names = ("event", "session", "old_session")
    found = [[vars(one)[name] for name in names] for one in records]
    assert [["created", old, ""], ["regenerated", session_digest(session.id), old]] == found
    assert f"session {old}: created" == records[0].getMessage()


def test_an_event_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        SessionEvent("created", "", "@", "", 0.0).kind = "ended"  # type: ignore[misc]


def test_events_cost_no_call(visitor: Visitor) -> None:
    def calls() -> list[str]:
        with CallRecorder(visitor.client) as recorded:
            visitor.id = None
            session = visitor.starts(a=1)
            visitor.request().save(accessed_only=True)
            session.regenerate_id()
            session.save()
            session.delete()
        return list(recorded.operations)

    with_events = calls()
    del visitor.options["on_event"]
    assert calls() == with_events


heard: list[SessionEvent] = []


def hear(event: SessionEvent) -> None:
    heard.append(event)


def test_the_function_can_be_named_in_an_ini_file(options: dict[str, Any]) -> None:
    Visitor({**options, "on_event": f"{__name__}:hear"}, DynamoDBSession).starts(a=1)
    assert ["created"] == words(heard)


@pytest.mark.parametrize("name", ["nowhere:hear", f"{__name__}:nothing", f"{__name__}:SECRET"])
def test_a_function_that_does_not_exist_is_an_error_at_start_and_logged_by_the_command(
    options: dict[str, Any], name: str, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(ConfigurationError, match="on_event"):
        Site("ours", {**options, "on_event": name})
    # A command may run where the application is not installed.
    session_store = SessionStore(**{**options, "on_event": name})
    for _ in range(2):
        session_store.delete(Visitor(options, DynamoDBSession).starts(a=1).id)
    (record,) = [one for one in caplog.records if one.levelno == logging.ERROR]
    assert "events are only logged: option on_event" in record.getMessage()


@pytest.mark.parametrize("value", ["hear", 1, ":", "a b:c"])
def test_another_value_is_a_configuration_error(value: object) -> None:
    with pytest.raises(ConfigurationError, match="on_event"):
        parse({"on_event": value})
