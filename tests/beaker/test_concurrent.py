"""Two requests of one visitor at the same time, through Beaker's middleware."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.beaker import COOKIE, Browser, values

VISITOR = f"{COOKIE}=0123456789abcdef"


def store(**changes: object) -> Callable[[Any], None]:
    """Make an action that saves values."""

    def action(session: Any) -> None:
        session.update(changes)
        session.save()

    return action


def delete(session: Any) -> None:
    """Log out."""
    session.delete()


def during(
    options: dict[str, Any], outer: Callable[[Any], Any], inner: Callable[[Any], Any]
) -> dict[str, Any]:
    """Make a request that begins before, and ends after, another one; give what is stored then."""
    first, second = Browser(options), Browser(options)
    first.visit(store(name="Ada"), cookie=VISITOR)

    def action(session: Any) -> None:
        assert {"name": "Ada"} == values(session)
        second.visit(inner, cookie=VISITOR)
        outer(session)

    first.visit(action, cookie=VISITOR)
    stored: dict[str, Any] = Browser(options).visit(values, cookie=VISITOR)
    return stored


def test_different_keys(options: dict[str, Any]) -> None:
    """Changes of different keys are both kept."""
    stored = during(options, store(outer=1), store(inner=2))
    assert {"name": "Ada", "outer": 1, "inner": 2} == stored


def test_same_key(options: dict[str, Any]) -> None:
    """Of two changes of one key the later save wins."""
    assert {"name": "outer"} == during(options, store(name="outer"), store(name="inner"))


@pytest.mark.parametrize("touch_interval", [0, 300])
def test_reader(options: dict[str, Any], touch_interval: int) -> None:
    """A request that only reads does not undo what another one saved meanwhile."""
    options = {**options, "touch_interval": touch_interval}
    assert {"name": "Grace"} == during(options, values, store(name="Grace"))


@pytest.mark.parametrize("touch_interval", [0, 300])
@pytest.mark.parametrize("outer", [values, store(name="Grace")], ids=["reader", "writer"])
def test_log_out(options: dict[str, Any], outer: Callable[[Any], Any], touch_interval: int) -> None:
    """A log-out wins against a request that is still on its way."""
    options = {**options, "touch_interval": touch_interval}
    assert {} == during(options, outer, delete)
