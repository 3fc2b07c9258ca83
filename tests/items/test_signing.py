"""Signed items: a changed item is refused before anything interprets its bytes."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beaker_dynamodb import DynamoDBNamespaceManager, DynamoDBSession, PayloadError
from beaker_dynamodb.config.parse import parse
from beaker_dynamodb.items.item import SESSION
from beaker_dynamodb.items.keys import Key
from beaker_dynamodb.items.signing import Signatures
from tests.beaker import Browser, items
from tests.clock import Clock
from tests.items.encoded import BOTH, KEY, NEW, OLD, codec, item, overwrite, written
from tests.opening import Opener
from tests.sessions.driven import stored_sessions

SIGNED = codec(signing_keys=NEW)
VALUE = {"name": "Ada", "text": "x" * 2000}
PAYLOADS = ["gAJ9cQA=", "any str at all"]
SORTED = Key("cache:news", "|today")
OTHERS = [
    *(Key(partition) for partition in ("cache:news|toda", "cache:news|today!", "", "sess:x")),
    Key("cache:news", "|toda"),
    Key("cache:new", "s|today"),
    Key("cache:news|today", ""),
]
wrong = pytest.raises(PayloadError, match=r"^an item's signature is wrong \(options secret and ")


def test_without_keys_nothing_is_signed_and_signed_items_are_read() -> None:
    assert written(codec(), VALUE).signature is None
    assert VALUE == codec().decode(written(SIGNED, VALUE))


def test_only_an_item_with_a_verified_signature_counts_as_signed() -> None:
    signed, unsigned = written(SIGNED, VALUE), written(codec(), VALUE)
    accepting = {"signing_keys": NEW, "accept_unsigned": True}
    assert Signatures(parse({"signing_keys": NEW})).verify(signed)
    assert not Signatures(parse(accepting)).verify(unsigned)
    assert not Signatures(parse({})).verify(unsigned)


@pytest.mark.owasp("11.2.5")
@given(st.data())
def test_each_bit_counts(data: st.DataObject) -> None:
    made = written(SIGNED, VALUE)
    assert VALUE == SIGNED.decode(made)
    name = data.draw(st.sampled_from(["data", "signature"]))
    changed = bytearray(getattr(made, name))
    changed[data.draw(st.integers(0, len(changed) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    attributes: dict[str, Any] = {name: bytes(changed)}
    with wrong:
        SIGNED.decode(replace(made, **attributes))


@pytest.mark.parametrize("key", [KEY, SORTED])
def test_a_value_copied_to_another_key_is_refused(key: Key) -> None:
    made = written(SIGNED, VALUE, key)
    assert VALUE == SIGNED.decode(made)
    for other in OTHERS:
        with wrong:
            SIGNED.decode(replace(made, key=other))


def test_another_codec_or_signature_is_refused() -> None:
    made = written(SIGNED, VALUE)
    assert "pickle,zlib" == made.codec
    for name in ("pickle", "json,zlib", "pickle,zlib ", "pickle,zstd", "", "text"):
        with wrong:
            SIGNED.decode(replace(made, codec=name))
    for signature in (b"", b"\0", bytes(32), bytes(64)):
        with wrong:
            SIGNED.decode(replace(made, signature=signature))


@pytest.mark.owasp("11.2.2", "13.3.4")
@pytest.mark.parametrize(
    ("writer", "reader", "reads"),
    [(OLD, BOTH, True), (BOTH, NEW, True), (BOTH, OLD, False), (OLD, NEW, False)],
)
def test_the_first_key_signs_and_each_key_verifies(writer: str, reader: str, reads: bool) -> None:
    made = written(codec(signing_keys=writer), VALUE)
    if reads:
        assert VALUE == codec(signing_keys=reader).decode(made)
    else:
        with wrong:
            codec(signing_keys=reader).decode(made)


def test_unsigned_items_are_read_only_while_they_are_accepted() -> None:
    unsigned = written(codec(), VALUE)
    with pytest.raises(
        PayloadError, match=r"^an item carries no signature \(option accept_unsigned"
    ):
        SIGNED.decode(unsigned)
    accepting = codec(signing_keys=NEW, accept_unsigned="true")
    assert VALUE == accepting.decode(unsigned)
    with wrong:
        accepting.decode(written(codec(signing_keys=OLD), VALUE))


@pytest.mark.parametrize(
    ("accept", "plain_only"), [(None, True), ("plain", True), ("true", False), ("false", None)]
)
def test_unsigned_sessions_are_plain_data_by_default(
    accept: str | None, plain_only: bool | None
) -> None:
    used = codec(signing_keys=NEW, accept_unsigned=accept)
    unsigned = replace(written(codec(), PAYLOADS[0], session=True), kind=SESSION)
    if plain_only is None:
        with pytest.raises(PayloadError, match="carries no signature"):
            used.decode(unsigned)
    else:
        assert PAYLOADS[0] == used.decode(unsigned)
        assert plain_only is used.plain_only(unsigned)
    assert not codec().plain_only(unsigned)
    used.sign(unsigned)
    assert not used.plain_only(unsigned)


def test_an_unsigned_session_does_not_reach_the_serializer() -> None:
    loads = mock.Mock()
    used = codec(signing_keys=NEW, serializer=SimpleNamespace(dumps=mock.Mock(), loads=loads))
    for name in ("object", "object-str"):
        unsigned = replace(item(b"{}", name), kind=SESSION)
        with pytest.raises(PayloadError, match="needs a signature"):
            used.decode(unsigned)
    assert not loads.called


# -- in a table -----------------------------------------------------------------------------------


def session(open_namespace: Opener, **options: Any) -> DynamoDBNamespaceManager:
    return open_namespace("0123", **options)


def signature(open_namespace: Opener) -> bytes | None:
    (stored,) = stored_sessions(open_namespace.client, open_namespace.table_name)
    return stored["signature"]["B"] if "signature" in stored else None


def test_a_touch_signs_with_the_first_key(options: dict[str, Any]) -> None:
    settings = {**options, "clock": Clock()}
    before = Browser(settings, signing_keys=OLD)
    before.save(name="Ada")
    settings["clock"].advance(1000)
    for keys in (BOTH, NEW):
        browser = Browser(settings, signing_keys=keys)
        browser.web.cookiejar = before.web.cookiejar
        assert {"name": "Ada"} == browser.contents()


def test_a_new_id_gets_a_new_signature(open_namespace: Opener) -> None:
    browser = Browser(
        {**open_namespace.options, "signing_keys": NEW, "session_class": DynamoDBSession}
    )
    browser.save(name="Ada")
    before = signature(open_namespace)

    def action(session: Any) -> None:
        session.regenerate_id()
        session.save()

    browser.visit(action)
    assert {"name": "Ada"} == browser.contents()
    assert signature(open_namespace) not in (None, before)


@pytest.mark.parametrize("payload", PAYLOADS)
def test_hashing_an_id_signs_for_the_new_key(open_namespace: Opener, payload: str) -> None:
    session(open_namespace, signing_keys=OLD)["session"] = payload
    before = signature(open_namespace)
    moving = {"hash_ids": "migrate", "signing_keys": BOTH}
    assert payload == session(open_namespace, **moving)["session"]
    assert before != signature(open_namespace)
    assert payload == session(open_namespace, hash_ids=True, signing_keys=NEW)["session"]


def test_hashing_an_id_verifies_before_it_signs_again(open_namespace: Opener) -> None:
    session(open_namespace, signing_keys=OLD)["session"] = PAYLOADS[0]
    overwrite(open_namespace.client, open_namespace.table_name, data={"B": b"changed"})
    before = items(open_namespace.client, open_namespace.table_name)
    with wrong:
        session(open_namespace, hash_ids="migrate", signing_keys=BOTH)["session"]
    assert before == items(open_namespace.client, open_namespace.table_name)


def test_hashing_an_id_without_keys_removes_the_signature(open_namespace: Opener) -> None:
    session(open_namespace, signing_keys=OLD)["session"] = PAYLOADS[0]
    assert PAYLOADS[0] == session(open_namespace, hash_ids="migrate")["session"]
    assert signature(open_namespace) is None
