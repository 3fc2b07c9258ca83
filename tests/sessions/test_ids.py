"""DynamoDBSession: an old id, a replaced one or an invented one finds nothing."""

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
    from tests.servers.endpoint import Endpoint

WAYS: list[dict[str, object]] = [{}, {"secret": "s"}, ENCRYPTED, {"hash_ids": True}]


@pytest.fixture(params=WAYS, ids=["plain", "secret", "encrypted", "hashed"])
def site(request: pytest.FixtureRequest, options: dict[str, object]) -> Site:
    """An application behind our middleware, configured one way or another."""
    return Site("ours", {**options, **request.param})


@pytest.fixture
def visitor(moved: dict[str, object]) -> Visitor:
    """A visitor whose sessions are ours."""
    return Visitor(moved, DynamoDBSession)


def count(endpoint: Endpoint, table_name: str) -> int:
    return len(stored_sessions(endpoint.client, table_name))


def invalidate(session: Any) -> None:
    """Log out and begin anew within the request."""
    session.invalidate()
    session["name"] = "Grace"
    session.save()


def regenerate(session: Any) -> None:
    """Keep the values under a fresh id."""
    session.regenerate_id()
    session["name"] = "Grace"
    session.save()


@pytest.mark.parametrize("action", [invalidate, regenerate])
def test_the_old_cookie_finds_nothing(
    site: Site, action: Callable[[Any], None], endpoint: Endpoint, table_name: str
) -> None:
    """After invalidate and regenerate_id the one item is the new one; the old cookie is dead."""
    old = site(store(name="Ada")).cookie
    new = site(action, old).cookie
    assert old != new
    assert {} == site(values, old).result
    assert {"name": "Grace"} == site(values, new).result
    assert 1 == count(endpoint, table_name)


def test_a_deleted_session_leaves_no_item(site: Site, endpoint: Endpoint, table_name: str) -> None:
    """After delete() the old cookie finds nothing, and there is no item; saved or not."""
    cookie = site(store(name="Ada")).cookie
    (header,) = site(log_out, cookie).set_cookies
    assert "expires=" in header
    assert 0 == count(endpoint, table_name)
    assert {} == site(values, cookie).result


def test_an_unknown_id_is_replaced(site: Site) -> None:
    """A session id that the store does not know, chosen by an attacker perhaps, is not used."""
    chosen = site(store(name="Ada")).cookie
    Site("ours", {**site.options, "clock": lambda: time() - 60})(log_out, chosen)

    given = site(store(name="Eve"), chosen).cookie

    assert chosen.partition("=")[2] != given.partition("=")[2]
    assert {} == site(values, chosen).result
    assert {"name": "Eve"} == site(values, given).result


@pytest.mark.parametrize("invented", [UNKNOWN, f"{COOKIE}=invented"])
def test_an_invented_id_is_replaced(options: dict[str, object], invented: str) -> None:
    site = Site("ours", options)
    assert invented != site(store(name="Eve"), invented).cookie
    assert {} == site(values, invented).result


def test_regenerating_is_one_transaction(visitor: Visitor, endpoint: Endpoint) -> None:
    """The new item is written and the old one deleted by one call: both or neither."""
    visitor.starts(a=1)
    session = visitor.request()
    session.regenerate_id()
    with CallRecorder(visitor.client) as sent:
        save(session, b=1)
        save(session, c=1)
    assert ["TransactWriteItems", "PutItem"] == sent.operations
    assert {} == visitor.finds()
    visitor.id = session.id
    assert {"a": 1, "b": 1, "c": 1} == visitor.finds()


def test_the_old_item_stays_where_the_new_one_cannot_be_written(visitor: Visitor) -> None:
    """A fault while regenerating is raised; the session is still there under its old id."""
    visitor.starts(a=1)
    session = visitor.request()

    def fail(**_: object) -> None:
        raise ReadTimeoutError(endpoint_url="")

    event = "before-send.dynamodb.TransactWriteItems"
    events = visitor.client.meta.events
    events.register(event, fail)
    session.regenerate_id()
    try:
        with pytest.raises(StoreUnavailable):
            save(session, b=1)
    finally:
        events.unregister(event, fail)
    assert {"a": 1} == visitor.finds()

    session.save()

    assert {} == visitor.finds()
    visitor.id = session.id
    assert {"a": 1, "b": 1} == visitor.finds()


def test_an_update_comes_along(visitor: Visitor) -> None:
    """What another request saved under the old id before the move is found under the new one."""
    visitor.starts(a=1)
    session = visitor.request()
    save(visitor.request(), theirs=1)
    session.regenerate_id()
    save(session, mine=1)
    visitor.id = session.id
    assert {"a": 1, "theirs": 1, "mine": 1} == visitor.finds()


def test_a_log_out_wins_over_regenerating(visitor: Visitor) -> None:
    """Nothing of the deleted session comes back under a new id, only what the request set."""
    visitor.starts(a=1)
    session = visitor.request()
    session.regenerate_id()
    visitor.request().delete()
    save(session, b=1)
    visitor.id = session.id
    assert {"b": 1} == visitor.finds()


def test_a_late_save_under_the_old_id_is_dropped(visitor: Visitor) -> None:
    """A request that was in flight under the old id does not bring it back."""
    visitor.starts(a=1)
    late, session = visitor.request(), visitor.request()
    session.regenerate_id()
    session.save()
    save(late, b=1)
    assert {} == visitor.finds()


@pytest.mark.parametrize("end", ["delete", "invalidate"])
def test_ending_after_regenerating(visitor: Visitor, endpoint: Endpoint, end: str) -> None:
    """A session that gets a fresh id and then ends, in one request, leaves no item."""
    visitor.starts(a=1)
    session = visitor.request()
    session.regenerate_id()
    getattr(session, end)()
    assert 0 == count(endpoint, str(visitor.options["table_name"]))


def test_regenerating_twice(visitor: Visitor, endpoint: Endpoint) -> None:
    """Only the last id is used; the item of the first is gone."""
    visitor.starts(a=1)
    session = visitor.request()
    for _ in range(2):
        session.regenerate_id()
    session.save()
    assert 1 == count(endpoint, str(visitor.options["table_name"]))
    visitor.id = session.id
    assert {"a": 1} == visitor.finds()
