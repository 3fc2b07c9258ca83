"""A request that lasts longer than the session's timeout does not log its own visitor out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.sessions.site import Action, Site, store, values

if TYPE_CHECKING:
    from tests.clock import Clock

LIFE = 1800


@pytest.fixture
def site(moved: dict[str, object]) -> Site:
    """An application whose sessions live for half an hour."""
    return Site("ours", {**moved, "timeout": LIFE})


def regenerate(session: Any) -> None:
    """Change the id."""
    session.regenerate_id()
    session.save()


@pytest.mark.parametrize(
    "action", [values, store(name="Ada"), regenerate], ids=["reads", "saves", "regenerates"]
)
def test_the_end_of_a_request_counts_as_use(site: Site, clock: Clock, action: Action) -> None:
    cookie = site(store(name="Ada")).cookie

    def slow(session: Any) -> None:
        assert "Ada" == session["name"]
        clock.advance(LIFE + 10)
        action(session)

    answer = site(slow, cookie)
    cookie = answer.cookie if answer.set_cookies else cookie
    clock.advance(LIFE - 1)
    assert {"name": "Ada"} == site(values, cookie).result


def test_the_first_request_counts_from_its_end_too(site: Site, clock: Clock) -> None:
    def slow(session: Any) -> None:
        assert "name" not in session
        clock.advance(LIFE + 10)
        store(name="Ada")(session)

    cookie = site(slow).cookie
    clock.advance(LIFE - 1)
    assert {"name": "Ada"} == site(values, cookie).result


def test_the_next_request_knows_when_it_ended(site: Site, clock: Clock) -> None:
    cookie = site(store(name="Ada")).cookie

    def slow(session: Any) -> None:
        clock.advance(100)
        store(name="Grace")(session)

    site(slow, cookie)
    ended = clock.now
    clock.advance(10)
    assert ended == site(lambda session: session.last_accessed, cookie).result
