"""Changing and ending ids: an old, replaced or unknown id opens no session."""

from __future__ import annotations

from collections.abc import Callable
from time import time
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ReadTimeoutError

from beaker_dynamodb import StoreUnavailable
from beaker_dynamodb.session import DynamoDBSession
from tests.servers.recorder import CallRecorder
from tests.sessions.driven import Visitor, save, stored_sessions
from tests.sessions.site import COOKIE, ENCRYPTED, UNKNOWN, Site, log_out, store, values

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

WAYS: list[dict[str, object]] = [{}, {"secret": "s"}, ENCRYPTED, {"hash_ids": True}]


@pytest.fixture(params=WAYS, ids=["plain", "secret", "encrypted", "hashed"])
def site(request: pytest.FixtureRequest, options: dict[str, object]) -> Site:
    return Site("ours", {**options, **request.param})


@pytest.fixture
def visitor(moved: dict[str, object]) -> Visitor:
    visitor = Visitor(moved, DynamoDBSession)
    visitor.starts(a=1)
    return visitor


@pytest.fixture
def count(client: DynamoDBClient, table_name: str) -> Callable[[], int]:
    """A function that counts the stored sessions."""
    return lambda: len(stored_sessions(client, table_name))


@pytest.mark.parametrize("method", ["invalidate", "regenerate_id"])
def test_the_old_cookie_opens_nothing(site: Site, method: str, count: Callable[[], int]) -> None:
    def log_in(session: Any) -> None:
        getattr(session, method)()
        store(name="Grace")(session)

    old = site(store(name="Ada")).cookie
    new = site(log_in, old).cookie
    assert old != new
    assert {} == site(values, old).result
    assert {"name": "Grace"} == site(values, new).result
    assert 1 == count()


def test_a_deleted_session_leaves_no_session_item(site: Site, count: Callable[[], int]) -> None:
    cookie = site(store(name="Ada")).cookie
    (header,) = site(log_out, cookie).set_cookies
    assert "expires=" in header
    assert 0 == count()
    assert {} == site(values, cookie).result


def test_an_unknown_id_is_replaced(site: Site) -> None:
    """Session fixation: an attacker may have chosen the id."""
    deleted = site(store(name="Ada")).cookie
    Site("ours", {**site.options, "clock": lambda: time() - 60})(log_out, deleted)
    for cookie in (deleted, UNKNOWN, f"{COOKIE}=invented"):
        new = site(store(name="Eve"), cookie).cookie
        assert cookie.partition("=")[2] != new.partition("=")[2]
        assert {} == site(values, cookie).result
        assert {"name": "Eve"} == site(values, new).result


def test_regenerating_is_one_transaction(visitor: Visitor) -> None:
    session = visitor.request()
    session.regenerate_id()
    with CallRecorder(visitor.client) as sent:
        save(session, b=1)
        save(session, c=1)
    assert ["TransactWriteItems", "PutItem"] == sent.operations
    assert {} == visitor.finds()
    visitor.id = session.id
    assert {"a": 1, "b": 1, "c": 1} == visitor.finds()


def test_a_failed_change_of_id_keeps_the_old_session_and_can_be_repeated(visitor: Visitor) -> None:
    session = visitor.request()

    def fail(**_: object) -> None:
        raise ReadTimeoutError(endpoint_url="")

    event, events = "before-send.dynamodb.TransactWriteItems", visitor.client.meta.events
    session.regenerate_id()
    events.register(event, fail)
    try:
        with pytest.raises(StoreUnavailable):
            save(session, b=1)
    finally:
        events.unregister(event, fail)
    assert {"a": 1} == visitor.finds()
    new_id = session.id
    session.regenerate_id()
    assert new_id == session.id
    session.save()
    assert {} == visitor.finds()
    visitor.id = session.id
    assert {"a": 1, "b": 1} == visitor.finds()


def test_another_requests_update_moves_to_the_new_id(visitor: Visitor) -> None:
    session = visitor.request()
    save(visitor.request(), theirs=1)
    session.regenerate_id()
    save(session, mine=1)
    visitor.id = session.id
    assert {"a": 1, "theirs": 1, "mine": 1} == visitor.finds()


def test_after_a_logout_only_what_the_request_set_gets_a_new_id(visitor: Visitor) -> None:
    session = visitor.request()
    session.regenerate_id()
    visitor.request().delete()
    save(session, b=1)
    visitor.id = session.id
    assert {"b": 1} == visitor.finds()


def test_a_late_save_under_the_old_id_is_dropped(visitor: Visitor) -> None:
    late, session = visitor.request(), visitor.request()
    session.regenerate_id()
    session.save()
    save(late, b=1)
    assert {} == visitor.finds()


@pytest.mark.parametrize("end", ["delete", "invalidate"])
def test_ending_after_regenerating_leaves_no_session_item(
    visitor: Visitor, end: str, count: Callable[[], int]
) -> None:
    session = visitor.request()
    session.regenerate_id()
    getattr(session, end)()
    assert 0 == count()


def test_after_regenerating_twice_only_the_last_id_is_used(
    visitor: Visitor, count: Callable[[], int]
) -> None:
    session = visitor.request()
    session.regenerate_id()
    session.regenerate_id()
    session.save()
    assert 1 == count()
    visitor.id = session.id
    assert {"a": 1} == visitor.finds()
