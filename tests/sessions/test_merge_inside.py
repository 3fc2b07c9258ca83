"""Requests that change the inside of one value at the same time, as an application sees it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from beaker.session import Session
from botocore.exceptions import ConnectionClosedError

from beaker_dynamodb import StoreUnavailable
from beaker_dynamodb.session import DynamoDBSession
from tests.sessions.driven import Visitor, save
from tests.sessions.site import ENCRYPTED

if TYPE_CHECKING:
    from tests.servers.endpoint import Endpoint

WAYS: dict[str, tuple[type[Any], dict[str, object]]] = {
    "beaker-pickle": (Session, {}),
    "beaker-json": (Session, {"data_serializer": "json"}),
    "ours-pickle": (DynamoDBSession, {}),
    "ours-json": (DynamoDBSession, {"data_serializer": "json"}),
    "ours-encrypted": (DynamoDBSession, ENCRYPTED),
}


@pytest.fixture(params=WAYS)
def visitor(request: pytest.FixtureRequest, moved: dict[str, object]) -> Visitor:
    """A visitor whose sessions are stored in one of several ways."""
    session_class, more = WAYS[request.param]
    return Visitor({**moved, **more}, session_class)


def at_once(visitor: Visitor, *changes: Callable[[Any], object]) -> dict[str, Any]:
    """Make requests that have all loaded the session before the first saves; return the result."""
    sessions = [visitor.request() for _ in changes]
    for session, change in zip(sessions, changes, strict=True):
        change(session)
        save(session)
    return visitor.finds()


@pytest.mark.parametrize("cart", [None, {}, {"tea": 1}], ids=repr)
def test_six_requests_add_to_one_dict(visitor: Visitor, cart: dict[str, int] | None) -> None:
    visitor.starts(**({} if cart is None else {"cart": cart}))

    def add(number: int) -> Callable[[Any], object]:
        return lambda session: session.setdefault("cart", {}).update({f"item-{number}": number})

    found = at_once(visitor, *map(add, range(6)))
    assert {**(cart or {}), **{f"item-{number}": number for number in range(6)}} == found["cart"]


def test_two_requests_change_dicts_nested_deeper(visitor: Visitor) -> None:
    visitor.starts(shop={"cart": {"tea": {"count": 1, "gift": False}}})
    found = at_once(
        visitor,
        lambda session: session["shop"]["cart"]["tea"].update(count=2),
        lambda session: session["shop"]["cart"]["tea"].update(gift=True),
        lambda session: session["shop"]["cart"].update(milk={"count": 1}),
    )
    assert {"tea": {"count": 2, "gift": True}, "milk": {"count": 1}} == found["shop"]["cart"]


@pytest.mark.parametrize("popper", range(4))
def test_one_request_shows_the_messages_and_three_add_some(visitor: Visitor, popper: int) -> None:
    """As Pyramid and Flask do: the list of messages is popped from the session."""
    visitor.starts(flash=["shown"])

    def add(number: int) -> Callable[[Any], object]:
        return lambda session: session.setdefault("flash", []).append(f"new {number}")

    changes = [*map(add, range(3))]
    changes.insert(popper, lambda session: session.pop("flash"))
    assert ["new 0", "new 1", "new 2"] == at_once(visitor, *changes)["flash"]


@pytest.mark.parametrize("kind", [set, frozenset])
def test_requests_add_to_a_set_and_remove_from_it(moved: dict[str, object], kind: Any) -> None:
    visitor = Visitor(moved)
    visitor.starts(read=kind({1, 2}))
    found = at_once(
        visitor,
        lambda session: session.update(read=session["read"] | {3}),
        lambda session: session.update(read=session["read"] - {1}),
        lambda session: session.update(read=session["read"] | {4}),
    )
    assert kind({2, 3, 4}) == found["read"]


def test_a_record_is_not_mixed_with_another_users(moved: dict[str, object]) -> None:
    visitor = Visitor({**moved, "special_keys": "user.id:N"})
    visitor.starts(user={"id": 5, "name": "Ada", "theme": "dark"})
    found = at_once(
        visitor,
        lambda session: session["user"].update(theme="light", admin=True),
        lambda session: session.update(user={"id": 7, "name": "Bob", "theme": "dark"}),
    )
    assert {"user": {"id": 7, "name": "Bob", "theme": "dark"}} == found


def test_a_second_save_keeps_what_another_request_appended(visitor: Visitor) -> None:
    visitor.starts(log=["start"])
    session = visitor.request()
    other = visitor.request()
    save(other, log=[*other["log"], "other"])
    for number in range(3):
        session["log"].append(number)
        save(session)
    assert ["start", "other", 0, 1, 2] == visitor.finds()["log"]


@pytest.mark.parametrize("concurrency", ["merge", "reject"])
def test_a_save_that_is_repeated_because_its_answer_was_lost_appends_once(
    visitor: Visitor, endpoint: Endpoint, concurrency: str
) -> None:
    visitor.starts(log=["start"])
    session = visitor.request(concurrency=concurrency)

    def lose(params: dict[str, Any], **_: object) -> None:
        endpoint.client.put_item(**params)
        raise ConnectionClosedError(endpoint_url="")

    events = session.namespace.client.meta.events
    event = "before-parameter-build.dynamodb.PutItem"
    events.register(event, lose)
    session["log"].append("new")
    with pytest.raises(StoreUnavailable):
        save(session)
    events.unregister(event, lose)
    session["log"].append("newer")
    save(session)
    assert ["start", "new", "newer"] == visitor.finds()["log"]


def test_a_move_that_is_repeated_because_its_answer_was_lost_appends_once(
    moved: dict[str, object], endpoint: Endpoint
) -> None:
    visitor = Visitor(moved, DynamoDBSession)
    visitor.starts(log=["start"])
    session = visitor.request()

    def lose(params: dict[str, Any], **_: object) -> None:
        endpoint.client.transact_write_items(**params)
        raise ConnectionClosedError(endpoint_url="")

    events = session.namespace.client.meta.events
    event = "before-parameter-build.dynamodb.TransactWriteItems"
    events.register(event, lose)
    session.regenerate_id()
    session["log"].append("new")
    with pytest.raises(StoreUnavailable):
        save(session)
    events.unregister(event, lose)
    session["log"].append("newer")
    save(session)
    visitor.id = session.id
    assert ["start", "new", "newer"] == visitor.finds()["log"]
