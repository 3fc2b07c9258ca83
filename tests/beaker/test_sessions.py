"""Sessions through Beaker's own SessionMiddleware."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import pytest

from tests.beaker import Browser, values
from tests.clock import Clock
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


def test_two_browsers_have_two_sessions_in_every_process(options: dict[str, Any]) -> None:
    one, other = Browser(options), Browser(options)
    one.save(name="Ada")
    other.save(name="Grace")
    assert [{"name": "Ada"}, {"name": "Grace"}] == [one.contents(), other.contents()]
    cookie = f"beaker.session.id={one.visit(lambda session: session.id)}"
    assert {"name": "Ada"} == Browser(options).visit(values, cookie=cookie)


def test_changes_are_stored_only_by_save_or_auto(options: dict[str, Any]) -> None:
    for auto in (False, True):
        browser = Browser(options, auto=auto)
        browser.save(name="Ada")
        browser.visit(lambda session: session.update(name="Grace"))
        assert {"name": "Grace" if auto else "Ada"} == browser.contents()


def test_a_forged_cookie_opens_no_session(options: dict[str, Any]) -> None:
    browser = Browser(options, secret="s")
    browser.save(name="Ada")
    forged = f"beaker.session.id={'0' * 40}{browser.visit(lambda session: session.id)}"
    assert {} == Browser(options, secret="s").visit(values, cookie=forged)


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


def test_a_session_times_out_after_its_last_access(
    options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(time.time())
    monkeypatch.setattr("beaker.session.time", SimpleNamespace(time=clock))
    browser = Browser(options, timeout="1800", clock=clock)
    browser.save(name="Ada")
    for _ in range(2):
        clock.advance(1799)
        assert {"name": "Ada"} == browser.contents()
    clock.advance(1801)
    assert {} == browser.contents()
