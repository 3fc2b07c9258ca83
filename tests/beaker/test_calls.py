"""What a request costs: the API calls of the manager's own client, counted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.beaker import Browser, used_client
from tests.servers.recorder import CallRecorder


@pytest.fixture
def browser(options: dict[str, Any]) -> Browser:
    """A browser that has a session."""
    browser = Browser(options, timeout=1800)
    browser.save(name="Ada")
    return browser


@pytest.fixture
def sent(browser: Browser, options: dict[str, Any]) -> Iterator[CallRecorder]:
    """The calls made after the session was there."""
    with CallRecorder(used_client(options)) as recorder:
        yield recorder


def test_untouched(browser: Browser, sent: CallRecorder) -> None:
    """A request that does not touch the session makes no call."""
    browser.visit(lambda session: None)
    assert [] == sent.operations


def test_read(browser: Browser, sent: CallRecorder) -> None:
    """A request that reads a session is one GetItem and no other call."""
    browser.contents()
    assert ["GetItem"] == sent.operations


def test_changed(browser: Browser, sent: CallRecorder) -> None:
    """A request that changes a session is one PutItem more."""
    browser.save(name="Grace")
    assert ["GetItem", "PutItem"] == sent.operations


def test_new(options: dict[str, Any], sent: CallRecorder) -> None:
    """A first visit has nothing to read: one PutItem."""
    Browser(options, timeout=1800).save(name="Ada")
    assert ["PutItem"] == sent.operations


def test_log_out(browser: Browser, sent: CallRecorder) -> None:
    """A log-out is one PutItem, of a marker, after the read."""
    browser.visit(lambda session: session.delete())
    assert ["GetItem", "PutItem"] == sent.operations


def test_encrypted(options: dict[str, Any], sent: CallRecorder) -> None:
    """An encrypted session cannot be compared, so a request that only reads it writes it too."""
    browser = Browser(
        options, timeout=1800, encrypt_key="e", validate_key="v", crypto_type="cryptography"
    )
    browser.save(name="Ada")
    sent.clear()
    browser.contents()
    assert ["GetItem", "PutItem"] == sent.operations
