"""DynamoDBSession keeps the rest of the interface of Beaker's Session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from beaker_dynamodb import ConfigurationError
from beaker_dynamodb.session import DynamoDBSession
from tests.sessions.driven import Visitor, save
from tests.sessions.site import Site, store, values

if TYPE_CHECKING:
    from tests.clock import Clock

LIFE = 1800


@pytest.fixture
def visitor(moved: dict[str, object]) -> Visitor:
    visitor = Visitor(moved, DynamoDBSession)
    visitor.starts(a=1)
    return visitor


def test_another_type_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="needs type = ext:dynamodb, not 'memory'"):
        DynamoDBSession({}, type="memory")


def test_revert(visitor: Visitor) -> None:
    session = visitor.request()
    session.update(a=2, b=1)
    session.revert()
    session.save()
    assert {"a": 1} == values(session) == visitor.finds()


def test_a_locked_session_can_be_saved(visitor: Visitor) -> None:
    session = visitor.request()
    session.lock()
    save(session, a=2)
    session.unlock()
    assert {"a": 2} == visitor.finds()


def test_times(visitor: Visitor, clock: Clock) -> None:
    created = clock.now
    assert visitor.request().last_accessed == created
    clock.advance(1000)
    visitor.request().save(accessed_only=True)
    clock.advance(1000)
    session = visitor.request()
    assert created == session.created
    assert created + 1000 == session.last_accessed
    assert created + 2000 == session["_accessed_time"]


def regenerate(session: Any) -> None:
    session.regenerate_id()
    session.save()


@pytest.mark.parametrize("first", [True, False], ids=["first request", "later request"])
@pytest.mark.parametrize(
    "action", [values, store(name="Ada"), regenerate], ids=["reads", "saves", "regenerates"]
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
        (store(name="Ada") if first else action)(session)

    answer = site(slow, cookie)
    cookie = answer.cookie if answer.set_cookies else cookie
    ended = clock.now
    clock.advance(LIFE - 1)
    assert {"name": "Ada"} == site(values, cookie).result
    if action is not values:
        assert ended <= site(lambda session: session.last_accessed, cookie).result
