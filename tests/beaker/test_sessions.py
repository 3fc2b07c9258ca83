"""Sessions through Beaker's own SessionMiddleware."""

from __future__ import annotations

from typing import Any

import pytest

from tests.beaker import Browser
from tests.sessions.site import ENCRYPTED

WAYS = {
    "plain": {},
    "json": {"data_serializer": "json"},
    "secret": {"secret": "signs the cookie"},
    "encrypted": ENCRYPTED,
    "encrypted json": {**ENCRYPTED, "data_serializer": "json"},
    "timeout": {"timeout": "1800"},
    "sort key": {"sort_key": "part"},
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_later_requests_read_and_change_what_was_saved(
    options: dict[str, Any], way: dict[str, Any]
) -> None:
    browser = Browser(options, **way)
    browser.save(name="Ada", visits=1, tags=["a", "ü"])
    browser.save(visits=2)
    assert {"name": "Ada", "visits": 2, "tags": ["a", "ü"]} == browser.contents()


@pytest.mark.parametrize(
    ("method", "kept"), [("invalidate", {}), ("regenerate_id", {"name": "Ada"})]
)
def test_the_id_changes(options: dict[str, Any], method: str, kept: dict[str, Any]) -> None:
    browser = Browser(options)
    browser.save(name="Ada")
    before = browser.visit(lambda session: session.id)

    def change(session: Any) -> None:
        getattr(session, method)()
        session["city"] = "London"
        session.save()

    browser.visit(change)
    assert {**kept, "city": "London"} == browser.contents()
    assert before != browser.visit(lambda session: session.id)
