"""Signed sessions that are saved, merged, touched and moved to another key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from beaker_dynamodb import DynamoDBNamespaceManager, DynamoDBSession, PayloadError
from beaker_dynamodb.config.attributes import FIXED_ATTRIBUTES
from tests.beaker import Browser, items, values
from tests.clock import Clock
from tests.sessions.driven import stored_sessions
from tests.values import BOTH, NEW, OLD, overwrite, share_cookies

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

PAYLOADS = ["gAJ9cQA=", "any text at all"]


def manager(session_id: str, options: dict[str, Any], **more: Any) -> DynamoDBNamespaceManager:
    """Make the manager of a session."""
    return DynamoDBNamespaceManager(session_id, **options, **more)


def signatures(client: DynamoDBClient, table_name: str) -> list[bytes | None]:
    """Return the signature of every session of a table."""
    stored = stored_sessions(client, table_name)
    return [item["signature"]["B"] if "signature" in item else None for item in stored]


def test_attribute_name() -> None:
    """No key of a table can have the name of the signature's attribute."""
    assert "signature" in FIXED_ATTRIBUTES


def test_merge(options: dict[str, Any]) -> None:
    """Concurrent saves of a signed session are merged, and the result is signed."""
    signed = {**options, "signing_keys": NEW}
    first, second = Browser(signed), Browser(signed)
    first.save(name="Ada")
    share_cookies(first, second)

    def action(session: Any) -> None:
        assert {"name": "Ada"} == values(session)
        second.save(inner=2)
        session["outer"] = 1
        session.save()

    first.visit(action)
    assert {"name": "Ada", "inner": 2, "outer": 1} == second.contents()


def test_touch_signs_anew(options: dict[str, Any], client: DynamoDBClient, table_name: str) -> None:
    """A refresh of the expiry signs with the first key: rotation needs no change of data."""
    clock = Clock()
    browser = Browser(options, signing_keys=OLD, clock=clock)
    browser.save(name="Ada")
    later = Browser(options, signing_keys=BOTH, clock=clock)
    share_cookies(browser, later)
    clock.advance(1000)
    assert {"name": "Ada"} == later.contents()

    last = Browser(options, signing_keys=NEW, clock=clock)
    share_cookies(browser, last)
    assert {"name": "Ada"} == last.contents()


def test_regenerate_id(options: dict[str, Any], client: DynamoDBClient, table_name: str) -> None:
    """A session under a new id is signed for that id."""
    browser = Browser({**options, "signing_keys": NEW, "session_class": DynamoDBSession})
    browser.save(name="Ada")
    before = signatures(client, table_name)

    def action(session: Any) -> None:
        session.regenerate_id()
        session.save()

    browser.visit(action)
    assert {"name": "Ada"} == browser.contents()
    (after,) = signatures(client, table_name)
    assert after is not None
    assert after not in before


@pytest.mark.parametrize("payload", PAYLOADS)
def test_hash_ids(
    payload: str, options: dict[str, Any], client: DynamoDBClient, table_name: str
) -> None:
    """`hash_ids = migrate` moves a signed session and signs it for its new key."""
    manager("0123", options, signing_keys=OLD)["session"] = payload
    (before,) = signatures(client, table_name)
    moving = {"hash_ids": "migrate", "signing_keys": BOTH}
    assert payload == manager("0123", options, **moving)["session"]
    (after,) = signatures(client, table_name)
    assert before != after
    assert payload == manager("0123", options, hash_ids=True, signing_keys=NEW)["session"]


def test_hash_ids_launders_nothing(
    options: dict[str, Any], client: DynamoDBClient, table_name: str
) -> None:
    """What is wrongly signed under the old key is not moved, and not signed for the new one."""
    manager("0123", options, signing_keys=OLD)["session"] = PAYLOADS[0]
    overwrite(client, table_name, data={"B": b"changed"})
    before = items(client, table_name)
    with pytest.raises(PayloadError, match="signature is wrong"):
        manager("0123", options, hash_ids="migrate", signing_keys=BOTH)["session"]
    assert before == items(client, table_name)


def test_hash_ids_without_keys(
    options: dict[str, Any], client: DynamoDBClient, table_name: str
) -> None:
    """Moved where there are no keys, a session loses the signature that would be wrong."""
    manager("0123", options, signing_keys=OLD)["session"] = PAYLOADS[0]
    assert PAYLOADS[0] == manager("0123", options, hash_ids="migrate")["session"]
    assert [None] == signatures(client, table_name)


def test_migration(options: dict[str, Any], client: DynamoDBClient, table_name: str) -> None:
    """A session from before reads while that is accepted, and is signed at the next save."""
    before = Browser(options)
    before.save(name="Ada")
    meanwhile = Browser(options, signing_keys=NEW, signing_keys_accept_unsigned="true")
    share_cookies(before, meanwhile)
    assert {"name": "Ada"} == meanwhile.contents()
    meanwhile.save(name="Grace")

    after = Browser(options, signing_keys=NEW)
    share_cookies(before, after)
    assert {"name": "Grace"} == after.contents()


def test_with_sort_key(options: dict[str, Any], client: DynamoDBClient, table_name: str) -> None:
    """Under a sort key, an entry that was copied over its neighbour is a PayloadError."""
    news = manager("news", options, sort_key="part", signing_keys=NEW)
    news.set_value(b"today", "value")
    news.set_value(b"tomorrow", "other")
    key = {"id": {"S": "cache:news"}, "part": {"S": "|today"}}
    stored = client.get_item(TableName=table_name, Key=key)["Item"]
    client.put_item(TableName=table_name, Item={**stored, "part": {"S": "|tomorrow"}})
    assert "value" == news[b"today"]
    with pytest.raises(PayloadError, match="signature is wrong"):
        news[b"tomorrow"]


@pytest.mark.parametrize("kind", ["news", "session"])
def test_damaged_attribute(
    kind: str, options: dict[str, Any], client: DynamoDBClient, table_name: str
) -> None:
    """A signature that is no bytes is a PayloadError."""
    store = manager("news", options, signing_keys=NEW)
    store[kind] = PAYLOADS[0]
    overwrite(client, table_name, signature={"S": "text"})
    with pytest.raises(PayloadError, match="damaged"):
        store[kind]
