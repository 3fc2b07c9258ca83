"""Why sessions end or are refused, as events report it."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from beaker_dynamodb import (
    PayloadError,
    SessionConflict,
    SessionEvent,
    SessionStore,
    TooManySessions,
)
from beaker_dynamodb.items.keys import session_digest
from beaker_dynamodb.session import DynamoDBSession
from beaker_dynamodb.sessions import users
from beaker_dynamodb.sessions.conflict_retry import ConflictRetry
from tests.clock import Clock
from tests.sessions.driven import Visitor, save, words
from tests.sessions.log_ins import USER, before_write, log_in
from tests.sessions.site import COOKIE, UNKNOWN, Site, log_out, store

SECRET = "0123456789abcdef"


@pytest.fixture
def site(reporting: dict[str, Any]) -> Site:
    return Site("ours", reporting)


# -- ids and cookies that open no session -------------------------------------------------------


@pytest.mark.owasp("16.3.3", "Detecting Session ID Anomalies")
def test_an_unknown_id_is_refused(site: Site, reported: list[SessionEvent]) -> None:
    site(len, UNKNOWN)
    assert ["refused unknown_id"] == words(reported)
    assert session_digest(UNKNOWN.partition("=")[2]) == reported[0].session


def test_an_id_that_the_application_chose_is_not_refused(
    reporting: dict[str, Any], reported: list[SessionEvent]
) -> None:
    visitor = Visitor(reporting, DynamoDBSession)
    visitor.id = "device-1"
    visitor.request()
    assert [] == reported


@pytest.mark.owasp("16.3.3", "Detecting Session ID Anomalies")
@pytest.mark.parametrize("value", ["", "sha256.0.1", "x" * 32])
def test_a_cookie_without_a_valid_signature_is_refused(
    reporting: dict[str, Any], reported: list[SessionEvent], value: str
) -> None:
    site = Site("ours", {**reporting, "secret": SECRET})
    cookie = site(store(a=1)).cookie
    reported.clear()
    site(len, f"{COOKIE}={value}; other=1")
    assert (["refused bad_signature"] if value else []) == words(reported)
    assert {""} >= {event.session for event in reported}
    reported.clear()
    site(len, f"{COOKIE}={value}; {cookie}")
    assert [] == reported


@pytest.mark.parametrize(
    ("hashed", "later"), [(False, False), (False, "migrate"), ("migrate", "migrate")]
)
def test_ended_expired_and_unknown_sessions_are_told_apart_also_while_ids_are_being_hashed(
    reporting: dict[str, Any],
    reported: list[SessionEvent],
    clock: Clock,
    hashed: object,
    later: object,
) -> None:
    before = Site("ours", {**reporting, "hash_ids": hashed})
    after = Site("ours", {**reporting, "hash_ids": later, "absolute_timeout": 600})
    ended, expired = before(store(a=1)).cookie, before(store(a=1)).cookie
    before(log_out, ended)
    reported.clear()
    assert [] == after(store(b=1), ended).set_cookies
    clock.advance(100_000)
    after(len, expired)
    after(len, UNKNOWN)
    assert ["refused has_ended", "ended absolute", "refused unknown_id"] == words(reported)


def test_an_item_that_cannot_be_read_is_refused(
    watched: Visitor, reported: list[SessionEvent]
) -> None:
    (item,) = watched.stored()
    item["codec"] = {"S": "unknown"}
    watched.client.put_item(TableName=watched.options["table_name"], Item=item)
    with pytest.raises(PayloadError):
        watched.request(invalidate_corrupt=False)
    assert ["refused bad_item"] == words(reported)


# -- users and operators ------------------------------------------------------------------------


@pytest.fixture
def with_user(reporting: dict[str, Any]) -> dict[str, Any]:
    # The package creates this table, with an index of the users.
    return {**reporting, **USER, "table_name": f"{reporting['table_name']}-users"}


def test_events_name_the_user(with_user: dict[str, Any], reported: list[SessionEvent]) -> None:
    visitor = Visitor(with_user, DynamoDBSession)
    session = visitor.starts(userId=42)
    session.regenerate_id()
    session.save()
    visitor.id = session.id
    visitor.request().delete()
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
    def log_in_while_it_is_revoked(write: int, seconds: float = 0) -> None:
        def revoke() -> None:
            SessionStore(**with_user).revoke(userId=42)
            with_user["clock"].advance(seconds)

        session = Visitor(with_user, DynamoDBSession).request()
        session["userId"] = 42
        with before_write(write, revoke):
            session.save()
        assert session.revoked

    log_in_while_it_is_revoked(0)
    log_in_while_it_is_revoked(1)
    assert ["refused revoked"] * 2 == words(reported)
    assert [42, 42] == [event.user for event in reported]
    reported.clear()
    monkeypatch.setattr(users, "SLOW_SECONDS", -1.0)
    log_in_while_it_is_revoked(1, 60)
    assert ["created", "ended revoked"] == words(reported)
    assert 0 == SessionStore(**with_user).count(userId=42)


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
    assert 42 == reported[0].user


def test_the_user_of_an_expired_session_is_named_as_long_as_its_item_exists(
    with_user: dict[str, Any], reported: list[SessionEvent], clock: Clock
) -> None:
    visitor = Visitor({**with_user, "timeout": 600}, DynamoDBSession)
    visitor.starts(userId=42)
    reported.clear()
    clock.advance(601)  # Beaker's timeout; the item expires 120 s later
    visitor.request()
    clock.advance(600)
    visitor.request()
    assert ["ended idle"] * 2 == words(reported)
    assert [42, 42] == [event.user for event in reported]
    save(visitor.request(), a=1)
    assert "created" == words(reported)[-1]
    assert reported[-1].user is None


def test_a_log_in_that_keeps_meeting_other_log_ins_of_the_user_is_a_conflict(
    with_user: dict[str, Any], reported: list[SessionEvent], monkeypatch: pytest.MonkeyPatch
) -> None:
    session = Visitor(with_user, DynamoDBSession).request()
    session["userId"] = 42
    log_in(with_user)
    reported.clear()
    monkeypatch.setattr(ConflictRetry, "again", lambda _: False)
    with pytest.raises(SessionConflict):
        session.save()
    assert ["conflict"] == words(reported)
    assert 42 == reported[0].user
