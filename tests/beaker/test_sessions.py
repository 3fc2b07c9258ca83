"""Sessions through Beaker's SessionMiddleware: what a visitor and an application see."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from tests.beaker import Browser, items, values
from tests.clock import Clock

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

# Named, because Beaker 1.13 by itself looks for other libraries only, and then does not encrypt.
ENCRYPTED = {"encrypt_key": "e", "validate_key": "v", "crypto_type": "cryptography"}
WAYS = [
    pytest.param({}, id="plain"),
    pytest.param({"data_serializer": "json"}, id="json"),
    pytest.param({"secret": "signs the cookie"}, id="secret"),
    pytest.param(ENCRYPTED, id="encrypted"),
    pytest.param({**ENCRYPTED, "data_serializer": "json"}, id="encrypted-json"),
    pytest.param({"timeout": "1800"}, id="timeout"),
    pytest.param({"sort_key": "part"}, id="sort-key"),
]


@pytest.mark.parametrize("way", WAYS)
def test_survives(options: dict[str, Any], way: dict[str, Any]) -> None:
    """What one request saves, the next ones of the same browser read and change."""
    browser = Browser(options, **way)
    browser.save(name="Ada", visits=1, tags=["a", "ü"])
    assert {"name": "Ada", "visits": 1, "tags": ["a", "ü"]} == browser.contents()

    browser.save(visits=2)

    assert {"name": "Ada", "visits": 2, "tags": ["a", "ü"]} == browser.contents()


def test_separate(options: dict[str, Any]) -> None:
    """Two browsers have two sessions."""
    one, other = Browser(options), Browser(options)
    one.save(name="Ada")
    other.save(name="Grace")
    assert [{"name": "Ada"}, {"name": "Grace"}] == [one.contents(), other.contents()]


def test_another_process(options: dict[str, Any]) -> None:
    """A second instance of the application, with the cookie of the first, sees the session."""
    first = Browser(options)
    first.save(name="Ada")
    session_id = first.visit(lambda session: session.id)

    second = Browser(options)

    assert {"name": "Ada"} == second.visit(values, cookie=f"beaker.session.id={session_id}")


def test_unsaved(options: dict[str, Any]) -> None:
    """What an application changes without saving is not stored."""
    browser = Browser(options)
    browser.save(name="Ada")
    browser.visit(lambda session: session.update(name="Grace"))
    assert {"name": "Ada"} == browser.contents()


def test_auto(options: dict[str, Any]) -> None:
    """With `auto` what an application changes is stored without save()."""
    browser = Browser(options, auto=True)
    browser.visit(lambda session: session.update(name="Ada"))
    assert {"name": "Ada"} == browser.contents()


def test_encrypted_at_rest(
    options: dict[str, Any], client: DynamoDBClient, table_name: str
) -> None:
    """With `encrypt_key` no word of the session can be read in the table."""
    for way in ({}, ENCRYPTED):
        Browser(options, **way).save(name="a word")

    stored = [item["data"]["B"] for item in items(client, table_name).values()]

    assert [False, True] == sorted(b"a word" in data for data in stored)


def test_forged_cookie(options: dict[str, Any]) -> None:
    """With `secret` an id that the application did not sign opens no session."""
    browser = Browser(options, secret="s")
    browser.save(name="Ada")
    session_id = browser.visit(lambda session: session.id)

    forged = f"beaker.session.id={'0' * 40}{session_id}"

    assert {} == Browser(options, secret="s").visit(values, cookie=forged)


def test_log_out(options: dict[str, Any], client: DynamoDBClient, table_name: str) -> None:
    """After delete() the session is empty, and only a marker is left in the table."""
    browser = Browser(options)
    browser.save(name="Ada")
    browser.visit(lambda session: session.delete())
    assert {} == browser.contents()
    (left,) = items(client, table_name).values()
    assert {"S": "beaker-marker"} == left["type"]


def test_invalidate(options: dict[str, Any]) -> None:
    """invalidate() gives an empty session under another id."""
    browser = Browser(options)
    browser.save(name="Ada")
    before = browser.visit(lambda session: session.id)

    def invalidate(session: Any) -> None:
        session.invalidate()
        session["name"] = "Grace"
        session.save()

    browser.visit(invalidate)

    assert {"name": "Grace"} == browser.contents()
    assert before != browser.visit(lambda session: session.id)


def test_regenerate_id(options: dict[str, Any]) -> None:
    """regenerate_id() keeps the values under another id."""
    browser = Browser(options)
    browser.save(name="Ada")
    before = browser.visit(lambda session: session.id)

    def regenerate(session: Any) -> None:
        session.regenerate_id()
        session.save()

    browser.visit(regenerate)

    assert {"name": "Ada"} == browser.contents()
    assert before != browser.visit(lambda session: session.id)


def test_timeout(options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """A session ends when nobody has used it for longer than `timeout`, and not before."""
    # Near the real time: DynamoDB Local sweeps what has expired by its own clock.
    clock = Clock(time.time())
    monkeypatch.setattr("beaker.session.time", SimpleNamespace(time=clock))
    browser = Browser(options, timeout="1800", clock=clock)
    browser.save(name="Ada")
    clock.advance(1799)
    assert {"name": "Ada"} == browser.contents()
    clock.advance(1799)
    assert {"name": "Ada"} == browser.contents()
    clock.advance(1801)
    assert {} == browser.contents()
