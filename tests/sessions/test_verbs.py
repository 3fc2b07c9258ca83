"""DynamoDBSession keeps the rest of what Beaker's Session can do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from beaker_dynamodb import ConfigurationError, DynamoDBNamespaceManager
from beaker_dynamodb.session import DynamoDBSession
from tests.sessions.driven import Visitor, save
from tests.sessions.site import Site, store, values

if TYPE_CHECKING:
    from pathlib import Path

    from tests.clock import Clock


@pytest.fixture
def visitor(moved: dict[str, object]) -> Visitor:
    """A visitor whose sessions are ours."""
    return Visitor(moved, DynamoDBSession)


def test_get_by_id(options: dict[str, object]) -> None:
    """One visitor's request can look into another session, and is told if there is none."""
    site = Site("ours", options)
    ada = site(store(name="Ada")).cookie
    ada_id = site(lambda session: session.id, ada).result
    look = site(lambda session: values(session.get_by_id(ada_id)))
    assert {"name": "Ada"} == look.result
    assert site(lambda session: session.get_by_id("unknown")).result is None


def test_revert(visitor: Visitor) -> None:
    """revert() takes back what the request has changed."""
    visitor.starts(a=1)
    session = visitor.request()
    session.update(a=2, b=1)
    session.revert()
    session.save()
    assert {"a": 1} == values(session) == visitor.finds()


def test_lock(visitor: Visitor) -> None:
    """lock() and unlock() can be called, and the session saved in between."""
    visitor.starts(a=1)
    session = visitor.request()
    session.lock()
    save(session, a=2)
    session.unlock()
    assert {"a": 2} == visitor.finds()


def test_times(visitor: Visitor, clock: Clock) -> None:
    """`created` is the first request, `last_accessed` the one before; the present is `now`."""
    visitor.starts()
    created = clock.now
    assert visitor.request().last_accessed == created
    clock.advance(1000)
    visitor.request().save(accessed_only=True)
    clock.advance(1000)
    session = visitor.request()
    assert created == session.created
    assert created + 1000 == session.last_accessed
    assert created + 2000 == session["_accessed_time"]


def test_domain_and_path(options: dict[str, object]) -> None:
    """A cookie's domain and path can be set on the session, and come back with it."""
    site = Site("ours", options)

    def place(session: Any) -> None:
        session.domain = "example.org"
        session.path = "/shop"
        session.save()

    answer = site(place)
    assert "Domain=example.org" in answer.set_cookies[0].replace("domain", "Domain")
    assert "ath=/shop" in answer.set_cookies[0]
    found = site(lambda session: (session.domain, session.path), answer.cookie).result
    assert ("example.org", "/shop") == found


def test_an_unsaved_new_session_costs_nothing(options: dict[str, object]) -> None:
    """A first visitor who leaves nothing in the session gets no cookie."""
    assert [] == Site("ours", options)(values).set_cookies


@pytest.mark.parametrize("kind", ["memory", "file"])
def test_another_type_is_stored_by_beaker(tmp_path: Path, kind: str) -> None:
    site = Site("ours", {"type": kind, "data_dir": str(tmp_path)})
    cookie = site(store(name="Ada")).cookie
    assert {"name": "Ada"} == site(values, cookie).result

    def regenerate(session: Any) -> bool:
        session.regenerate_id()
        session.save()
        return isinstance(session.namespace, DynamoDBNamespaceManager)

    answer = site(regenerate, cookie)
    assert answer.result is False
    assert {"name": "Ada"} == site(values, answer.cookie).result

    def end(session: Any) -> None:
        session.invalidate()
        session.delete()

    site(end, answer.cookie)


def test_type_cookie_is_beakers_cookie_session() -> None:
    site = Site("ours", {"type": "cookie", "validate_key": "v"})
    cookie = site(store(name="Ada")).cookie
    assert "Ada" == site(lambda session: session["name"], cookie).result


def test_a_dynamodb_session_of_another_type_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="needs type = ext:dynamodb, not 'memory'"):
        DynamoDBSession({}, type="memory")


def test_len(options: dict[str, object]) -> None:
    """len() is that of a dict; a session is true all the same, and that question costs no read."""
    site = Site("ours", options)

    def look(session: Any) -> tuple[bool, bool, int, int]:
        true, accessed = bool(session), session.accessed()
        session["name"] = "Ada"
        return true, accessed, len(session), len(list(session))

    true, accessed, length, iterated = site(look).result
    assert (True, False) == (true, accessed)
    assert length == iterated > 1
    assert site(lambda session: (session.clear(), session.clear(), bool(session))[-1]).result
