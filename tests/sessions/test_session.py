"""What a session does besides saving: warnings, flags and cookies."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from beaker.exceptions import BeakerWarning

from beaker_dynamodb import SessionEvent, StoreUnavailable
from beaker_dynamodb.session import DynamoDBSession
from tests.clock import Clock
from tests.servers.recorder import CallRecorder
from tests.sessions.driven import Visitor, before, save, words
from tests.sessions.site import COOKIE, Site, store, values

LIFE = 1800


def damage(visitor: Visitor) -> None:
    item = {**visitor.stored()[0], "data": {"B": b"\x80\x02garbage"}}
    visitor.client.put_item(TableName=visitor.options["table_name"], Item=item)


def test_the_warning_about_a_corrupt_session_shows_its_digest_and_the_error(ours: Visitor) -> None:
    session = ours.request(invalidate_corrupt=True)
    digest = session._record.digest
    damage(ours)
    with pytest.warns(BeakerWarning) as caught:
        session.load()
    (warning,) = caught
    start, _, end = str(warning.message).partition("UnpicklingError")
    assert (
        f"Invalidating corrupt session {digest} (hashed); error was: "
        "cannot decode a session's payload: "
    ) == start
    assert ". Set invalidate_corrupt=False to propagate this exception." == end


def test_the_warning_about_a_corrupt_session_names_its_caller(ours: Visitor) -> None:
    session = ours.request(invalidate_corrupt=True)
    damage(ours)
    with pytest.warns(BeakerWarning) as caught:
        session.load()
    assert __file__ == caught[0].filename


def fail(params: dict[str, Any]) -> None:
    raise StoreUnavailable("no answer")


def test_revert_and_lock(ours: Visitor) -> None:
    session = ours.request()
    session.lock()
    session.update(a=2, b=1)
    session.revert()
    session.save()
    assert {"a": 1} == values(session) == ours.finds()
    save(session, a=2)
    session.unlock()
    assert {"a": 2} == ours.finds()


def test_times(ours: Visitor, clock: Clock) -> None:
    created = clock.now
    assert ours.request().last_accessed == created
    clock.advance(1000)
    ours.request().save(accessed_only=True)
    clock.advance(1000)
    session = ours.request()
    assert created == session.created
    assert created + 1000 == session.last_accessed
    assert created + 2000 == session["_accessed_time"]


def test_a_session_that_is_loaded_sets_no_cookie(ours: Visitor) -> None:
    session = ours.request()
    session.request["set_cookie"] = True
    session.load()
    assert session.request["set_cookie"] is False


def test_a_session_under_a_chosen_id_is_new_until_it_is_stored(
    visitor: Visitor, clock: Clock
) -> None:
    visitor.id = "chosen"
    session = visitor.request()
    assert session.is_new
    assert session.was_invalidated is False
    assert clock.now == session["_creation_time"] == session["_accessed_time"]
    assert session.last_accessed is None
    session["a"] = 1
    session.save()
    assert not visitor.request().is_new


def test_a_delete_or_id_change_is_unsettled_until_it_is_stored(ours: Visitor) -> None:
    session = ours.request()
    unsettled = [session.unsettled]
    with before(ours.client, "PutItem", fail), pytest.raises(StoreUnavailable):
        session.delete()
    unsettled.append(session.unsettled)
    session.delete()
    unsettled.append(session.unsettled)
    session = ours.starts(a=1)
    for end in (session.regenerate_id, session.save, session.regenerate_id, session.invalidate):
        end()
        unsettled.append(session.unsettled)
    assert [False, True, False, True, False, True, False] == unsettled


def test_a_session_with_only_the_cookies_scope_left_is_deleted(ours: Visitor) -> None:
    session = ours.request()
    session.clear()
    session.update(_cookie_scope="a", _domain=None, _path="/")
    session.save()
    assert [] == ours.stored()


def test_an_access_is_not_saved_without_save_accessed_time(ours: Visitor, clock: Clock) -> None:
    session = ours.request(save_accessed_time=False, timeout=None)
    clock.advance(10_000)
    with CallRecorder(ours.client) as sent:
        session.save(accessed_only=True)
        ours.request().save(accessed_only=True)
    assert ["GetItem", "PutItem"] == sent.operations


def test_the_end_of_a_request_does_not_save_changes(ours: Visitor, clock: Clock) -> None:
    session = ours.request()
    session["b"] = 1
    clock.advance(10_000)
    session.save(accessed_only=True)
    assert {"a": 1} == ours.finds()


def test_an_invalidated_session_begins_now(ours: Visitor, clock: Clock) -> None:
    session = ours.request()
    clock.advance(60)
    session.invalidate()
    assert session.was_invalidated is True
    assert clock.now == session["_creation_time"] == session["_accessed_time"]


def test_a_session_that_is_saved_after_its_delete_begins_now_under_a_chosen_id(
    ours: Visitor, clock: Clock
) -> None:
    session = ours.request()
    session.delete()
    clock.advance(60)
    session["b"] = 1
    session.save()
    assert ours.id == session.id
    assert clock.now == session["_creation_time"] == session["_accessed_time"]


@pytest.mark.parametrize(("seconds", "timed_out"), [(10, False), (11, True)])
def test_a_session_that_has_timed_out_was_invalidated(
    ours: Visitor, clock: Clock, seconds: float, timed_out: bool
) -> None:
    clock.advance(seconds)
    session = DynamoDBSession({"cookie": f"{COOKIE}={ours.id}"}, **ours.options, timeout=10)
    assert timed_out is session.was_invalidated


def test_a_late_delete_lets_the_request_start_a_session(ours: Visitor) -> None:
    ours.request().delete()
    late = DynamoDBSession({"cookie": f"{COOKIE}={ours.id}"}, **ours.options)
    late.delete()
    late["b"] = 1
    late.save()
    assert late._record.exists()


def test_a_save_under_an_id_that_is_not_from_a_cookie_sets_none(ours: Visitor) -> None:
    session = DynamoDBSession({}, id=ours.id, **ours.options)
    save(session, b=1)
    assert session.request["set_cookie"] is False


def test_saves_after_the_end_withdraw_the_cookie_and_are_dropped_once(ours: Visitor) -> None:
    reported: list[SessionEvent] = []
    session = ours.request(on_event=reported.append)
    ours.request().delete()
    for number in range(2):
        session.request["set_cookie"] = True
        save(session, number=number)
        assert session.request["set_cookie"] is False
    assert ["dropped"] == words(reported)


@pytest.mark.parametrize(
    ("action", "first"),
    [
        (store(name="Ada"), True),
        (values, False),
        (store(name="Ada"), False),
        (lambda session: session.regenerate_id() or session.save(), False),
    ],
    ids=["first save", "read", "save", "change of id"],
)
def test_the_end_of_a_long_request_is_the_last_access(
    moved: dict[str, Any], clock: Clock, action: Any, first: bool
) -> None:
    """A request longer than the timeout must not log its own visitor out."""
    site = Site("ours", {**moved, "timeout": LIFE})
    cookie = "" if first else site(store(name="Ada")).cookie

    def slow(session: Any) -> None:
        session.get("name")
        clock.advance(LIFE + 10)
        action(session)

    answer = site(slow, cookie)
    cookie = answer.cookie if answer.set_cookies else cookie
    ended = clock.now
    clock.advance(LIFE - 1)
    assert {"name": "Ada"} == site(values, cookie).result
    if action is not values:
        assert ended <= site(lambda session: session.last_accessed, cookie).result


def test_without_cookies_the_lifetime_of_a_cookie_does_not_matter(ours: Visitor) -> None:
    record = ours.request(cookie_expires=timedelta(seconds=300))._record
    assert record.storage.touch_interval_ms == record.touch_interval_ms


def test_the_own_timeout_replaces_the_lifetime_of_the_cookie(ours: Visitor) -> None:
    session = DynamoDBSession({}, **ours.options, cookie_expires=timedelta(seconds=300))
    session["a"] = 1
    session.save()
    assert 30_000 == session._record.touch_interval_ms
    session.set_timeout(600)
    session.save()
    assert 60_000 == session._record.touch_interval_ms


def test_a_session_that_is_loaded_again_has_no_unsaved_changes(ours: Visitor) -> None:
    ours.starts(a=1)
    session = ours.request()
    session["b"] = 2
    session.load()
    assert "b" not in session


def test_a_cookie_expires_at_the_same_moment_in_every_time_zone(
    moved: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    expires = []
    for zone in ("UTC", "America/New_York"):
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        session = DynamoDBSession({}, **moved, cookie_expires=timedelta(seconds=300))
        session["a"] = 1
        session.save()
        expires.append(session.cookie[session.key]["expires"])
    monkeypatch.undo()
    time.tzset()
    assert expires[0] == expires[1]


def test_a_given_expiry_of_a_cookie_overrides_its_lifetime(moved: dict[str, Any]) -> None:
    session = DynamoDBSession({}, **moved, cookie_expires=timedelta(seconds=300))
    session._set_cookie_expires(datetime(2001, 2, 3, tzinfo=timezone.utc))
    assert "2001" in session.cookie[session.key]["expires"]
