"""DynamoDBSession keeps the rest of the interface of Beaker's Session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from beaker_dynamodb import ConfigurationError, DynamoDBSession
from tests.sessions.driven import Visitor, save
from tests.sessions.site import Site, store, values

if TYPE_CHECKING:
    from tests.clock import Clock

LIFE = 1800


def test_another_type_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="needs type = ext:dynamodb, not 'memory'"):
        DynamoDBSession({}, type="memory")


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


def regenerate(session: Any) -> None:
    session.regenerate_id()
    session.save()


@pytest.mark.parametrize(
    ("action", "first"),
    [(store(name="Ada"), True), (values, False), (store(name="Ada"), False), (regenerate, False)],
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
