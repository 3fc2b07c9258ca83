"""A session's item: Beaker's one key, ``'session'``, of a namespace that is the session's id."""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import TYPE_CHECKING

import pytest

from tests.contract.opening import payload

if TYPE_CHECKING:
    from tests.clock import Clock
    from tests.contract.opening import Opener
    from tests.servers.recorder import CallRecorder

pytestmark = [pytest.mark.both_servers, pytest.mark.both_shapes]


def test_a_new_session_is_a_key_error(open_namespace: Opener) -> None:
    """A session that nobody has saved raises KeyError, which Beaker reads as a new one."""
    manager = open_namespace("id")
    with pytest.raises(KeyError) as caught:
        manager["session"]
    assert KeyError is caught.type
    assert "session" not in open_namespace("id")
    assert [] == manager.keys()


def test_a_session_comes_back_as_it_went_in(open_namespace: Opener) -> None:
    """The next request reads the very text that this one saved."""
    open_namespace("id")["session"] = payload(user="Zoë")
    manager = open_namespace("id")
    assert payload(user="Zoë") == manager["session"]
    assert "session" in manager
    assert manager.has_key("session")
    assert ["session"] == manager.keys()


def test_a_session_is_stored_without_base64(open_namespace: Opener) -> None:
    """The item holds the bytes that Beaker's base64 stood for, a quarter fewer."""
    text = payload(words="x" * 1000)
    open_namespace("id", compression="off")["session"] = text
    assert b64decode(text) == bytes(open_namespace.item()["data"]["B"])


def test_an_encrypted_session_comes_back_as_it_went_in(open_namespace: Opener) -> None:
    """Beaker's nonce and ciphertext, two base64 texts in one, are stored as bytes too."""
    nonce, ciphertext = bytes(range(16)), bytes(range(256)) * 4 + b"+"
    text = (b64encode(nonce) + b64encode(ciphertext)).decode()
    open_namespace("id")["session"] = text
    assert text == open_namespace("id")["session"]
    assert nonce + ciphertext == bytes(open_namespace.item()["data"]["B"])


def test_the_item_is_laid_out_as_documented(open_namespace: Opener, clock: Clock) -> None:
    """Keys, type, expiry, times and version are readable by people and other programs."""
    open_namespace("id")["session"] = payload(a=1)
    item = open_namespace.item()
    assert {"S": "sess:id"} == item["id"]
    assert {"S": "beaker-session"} == item["type"]
    assert {"S": "b64"} == item["codec"]
    assert {"N": "1"} == item["version"]
    assert str(int(clock.now) + 86_400) == item["expires"]["N"]
    assert clock.now + 86_400 == float(item["deadline"]["N"])
    assert clock.now == float(item["created"]["N"]) == float(item["accessed"]["N"])
    assert item["writer"]["S"]


def test_a_change_keeps_the_creation_and_raises_the_version(
    open_namespace: Opener, clock: Clock
) -> None:
    """A save of changed data counts the version up by one and leaves `created` as it was."""
    open_namespace("id")["session"] = payload(a=1)
    first = open_namespace.item()
    clock.advance(10)
    manager = open_namespace("id")
    assert payload(a=1) == manager["session"]
    manager["session"] = payload(a=2)
    second = open_namespace.item()
    assert first["created"] == second["created"]
    assert clock.now == float(second["accessed"]["N"])
    assert ("1", "2") == (first["version"]["N"], second["version"]["N"])
    assert first["writer"] != second["writer"]
    assert payload(a=2) == open_namespace("id")["session"]


def test_a_request_costs_one_read_and_one_write(open_namespace: Opener, sent: CallRecorder) -> None:
    """Loading is one GetItem and no other call; saving changed data is one more call."""
    open_namespace("id")["session"] = payload(a=1)
    sent.clear()
    manager = open_namespace("id")
    assert payload(a=1) == manager["session"]
    assert ["GetItem"] == sent.operations
    manager["session"] = payload(a=2)
    assert ["GetItem", "PutItem"] == sent.operations


def test_a_read_is_consistent_unless_told_otherwise(
    open_namespace: Opener, sent: CallRecorder
) -> None:
    """`consistent_read` is on by default, and an option."""
    assert "session" not in open_namespace("id")
    assert "session" not in open_namespace("id", consistent_read="false")
    assert [True, False] == [call.params["ConsistentRead"] for call in sent]


@pytest.mark.parametrize("verb", ["del", "remove"])
def test_a_deleted_session_is_gone(open_namespace: Opener, verb: str) -> None:
    """`del` and `remove()` end a session that was loaded; of it a marker stays."""
    open_namespace("id")["session"] = payload(a=1)
    open_namespace("neighbour")["session"] = payload(a=2)
    manager = open_namespace("id")
    assert payload(a=1) == manager["session"]
    if verb == "del":
        del manager["session"]
    else:
        manager.remove()
    types = {item["id"]["S"]: item["type"]["S"] for item in open_namespace.items()}
    assert {"sess:id": "beaker-marker", "sess:neighbour": "beaker-session"} == types
    with pytest.raises(KeyError):
        open_namespace("id")["session"]


def test_deleting_a_session_that_is_not_there_is_no_error(open_namespace: Opener) -> None:
    """A second log-out changes nothing."""
    del open_namespace("id")["session"]
    assert [] == open_namespace.items()


def test_a_session_and_a_cache_of_one_name_are_two(open_namespace: Opener) -> None:
    """A session id chosen to be a cache's namespace reaches no cache entry, and vice versa."""
    open_namespace("same", prefix="p")["session"] = payload(a=1)
    cache = open_namespace("same", prefix="p")
    cache[b"session"] = "entry"
    assert [b"session"] == cache.keys()
    cache.remove()
    assert [] == open_namespace("same", prefix="p").keys()
    assert payload(a=1) == open_namespace("same", prefix="p")["session"]
