"""Sessions larger than one item."""

from __future__ import annotations

from typing import Any

import pytest

from tests.items.chunked import CHUNK, intercept, kinds, write_twice
from tests.opening import Opener, payload

pytestmark = [pytest.mark.both_servers, pytest.mark.usefixtures("small_items")]


def session(open_namespace: Opener, session_id: str = "id", **options: Any) -> Any:
    manager = open_namespace(session_id, compression="off", **options)
    assert manager["session"]
    return manager


def test_concurrent_saves_of_a_large_session_are_merged(open_namespace: Opener) -> None:
    text = "x" * 900
    open_namespace("id", compression="off")["session"] = payload(text=text)
    one, two = session(open_namespace), session(open_namespace)
    one["session"] = payload(text=text, one=1)
    two["session"] = payload(text=text, two=2)
    merged = session(open_namespace)["session"]
    assert sorted(payload(text=text, one=1, two=2)) == sorted(merged)
    count = {"beaker-session": 1, "beaker-chunk": -(-len(merged) * 3 // 4 // CHUNK)}
    assert count == kinds(open_namespace)
    del one["session"]
    assert {} == kinds(open_namespace)


def test_a_session_in_chunks_moves(open_namespace: Opener) -> None:
    text = payload(text="x" * 900)
    open_namespace("old", compression="off")["session"] = text
    old, new = session(open_namespace, "old"), open_namespace("new", compression="off")
    new.session.move_from(old.session, payload(text="y" * 900))
    assert payload(text="y" * 900) == open_namespace("new")["session"]
    assert 1 == kinds(open_namespace)["beaker-session"]
    hashed = open_namespace("new", hash_ids="migrate", compression="off")
    assert payload(text="y" * 900) == hashed["session"]
    assert {"beaker-session": 1, "beaker-chunk": 10} == kinds(open_namespace)


def test_a_save_that_is_dropped_leaves_no_chunks(open_namespace: Opener) -> None:
    open_namespace("id")["session"] = payload(n=1)
    late = session(open_namespace)
    del session(open_namespace)["session"]
    late["session"] = payload(text="x" * 900)
    assert {} == kinds(open_namespace)


def test_a_write_whose_answer_was_lost_keeps_its_chunks(open_namespace: Opener) -> None:
    open_namespace("id")["session"] = payload(n=1)
    manager = session(open_namespace)
    with intercept(manager, write_twice):
        manager["session"] = payload(text="x" * 900)
    assert payload(text="x" * 900) == session(open_namespace)["session"]


def test_a_session_that_cannot_be_read_keeps_its_chunks(open_namespace: Opener) -> None:
    opaque = "~" * 1500
    manager = open_namespace("id", compression="off")
    with intercept(manager, write_twice):
        manager["session"] = opaque
    assert opaque == session(open_namespace)["session"]
