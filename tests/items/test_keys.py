"""(namespace, key) to a primary key and back: one to one, and always within DynamoDB's limits."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from beaker_dynamodb.config.parse import parse
from beaker_dynamodb.items.keys import Key, Keys

# Any str, including lone surrogates, and strings that look encoded.
LOOKALIKES = ["", "%", "%%", "|", "a|b", "|lock|", "lock", ":", "a:b", "%7C", "%#" + "0" * 64]
TEXTS = (
    st.text(st.characters(exclude_categories=()))
    | st.text("a|:%#", max_size=6)
    | st.sampled_from(LOOKALIKES)
    | st.integers(690, 3000).map(lambda length: "x" * length)
)
BYTES = (
    st.binary()
    | TEXTS.map(lambda text: text.encode("utf-8", "surrogatepass"))
    | st.integers(990, 3000).map(lambda length: b"x" * length)
)
PREFIXES = st.none() | st.text(st.characters(exclude_characters="|%"), max_size=20).map(
    # A prefix must be valid UTF-8.
    lambda text: text.encode("utf-8", "replace").decode()
)
sorted_or_not = pytest.mark.parametrize("sort_key", [None, "part"])

Primary = tuple[str, str | None]


def keys(prefix: str | None, sort_key: str | None) -> Keys:
    """Return the keys of a prefix in a table with or without a sort key."""
    return Keys(parse({"prefix": prefix, "sort_key": sort_key}))


def primary(key: Key) -> Primary:
    return key.partition, key.sort


def raw(text: str | bytes) -> bytes:
    """Return a str as bytes."""
    return text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")


@sorted_or_not
@given(prefix=PREFIXES, one=TEXTS, other=TEXTS)
def test_sessions_are_told_apart(
    sort_key: str | None, prefix: str | None, one: str, other: str
) -> None:
    made = keys(prefix, sort_key)
    assert (one == other) is (primary(made.session(one)) == primary(made.session(other)))


@sorted_or_not
@given(prefix=PREFIXES, one=st.tuples(TEXTS, BYTES), other=st.tuples(TEXTS, BYTES))
@example(prefix=None, one=("a", b"b|c"), other=("a|b", b"c"))
@example(prefix=None, one=("", b"a"), other=("%", b"a"))
@example(prefix="", one=("a", b""), other=("a", b"%"))
def test_entries_and_locks_are_told_apart(
    sort_key: str | None, prefix: str | None, one: tuple[str, bytes], other: tuple[str, bytes]
) -> None:
    made = keys(prefix, sort_key)
    same = one == other
    assert same is (primary(made.entry(*one)) == primary(made.entry(*other)))
    assert same is (primary(made.lock(*one)) == primary(made.lock(*other)))


@sorted_or_not
@given(prefix=PREFIXES, id=TEXTS, one=st.tuples(TEXTS, BYTES), other=st.tuples(TEXTS, BYTES))
@example(prefix="", id="a", one=("a", b""), other=("lock|a", b""))
@example(prefix="", id="a|b", one=("a", b"b"), other=("", b"lock|a|b"))
def test_the_three_kinds_never_collide(
    sort_key: str | None,
    prefix: str | None,
    id: str,
    one: tuple[str, bytes],
    other: tuple[str, bytes],
) -> None:
    made = keys(prefix, sort_key)
    kinds = {primary(made.session(id)), primary(made.entry(*one)), primary(made.lock(*other))}
    assert 3 == len(kinds)


@sorted_or_not
@given(prefixes=st.tuples(PREFIXES, PREFIXES), one=st.tuples(TEXTS, BYTES), other=TEXTS, key=BYTES)
@example(prefixes=("", "a"), one=("a:b", b"k"), other="b", key=b"k")
@example(prefixes=("a", "a:b"), one=("b:c", b"k"), other="c", key=b"k")
@example(prefixes=("", None), one=("sess:b", b"k"), other="b", key=b"k")
def test_no_id_reaches_into_another_prefix(
    sort_key: str | None,
    prefixes: tuple[str | None, str | None],
    one: tuple[str, bytes],
    other: str,
    key: bytes,
) -> None:
    ours, theirs = (keys(prefix, sort_key) for prefix in prefixes)
    namespaces = {parse({"prefix": prefix}).prefix for prefix in prefixes}
    named = [{"sess:", "cache:"} if prefix is None else {prefix} for prefix in namespaces]
    if len(named) == 1 or named[0] & named[1]:
        return  # the same prefix
    mine = {
        primary(ours.session(one[0])),
        primary(ours.entry(*one)),
        primary(ours.lock(*one)),
    }
    others = {
        primary(theirs.session(other)),
        primary(theirs.entry(other, key)),
        primary(theirs.lock(other, key)),
    }
    assert not mine & others


@sorted_or_not
@given(prefix=PREFIXES, namespace=TEXTS, key=BYTES | TEXTS)
def test_a_key_can_be_read_back(
    sort_key: str | None, prefix: str | None, namespace: str, key: str | bytes
) -> None:
    made = keys(prefix, sort_key)
    assert raw(key) == made.entry_key(namespace, made.entry(namespace, key))


@sorted_or_not
@given(prefix=PREFIXES, namespace=TEXTS, other=TEXTS, key=BYTES)
def test_a_beginning_belongs_to_one_namespace(
    sort_key: str | None, prefix: str | None, namespace: str, other: str, key: bytes
) -> None:
    made = keys(prefix, sort_key)
    beginning, entry = made.entries(namespace), made.entry(other, key)
    if entry.sort is None:
        begins = entry.partition.startswith(beginning.partition)
    else:
        begins = entry.partition == beginning.partition and entry.sort.startswith("|")
    assert (namespace == other) is begins
    session, lock = made.session(other), made.lock(other, key)
    if sort_key is None:
        assert not session.partition.startswith(beginning.partition)
        assert not lock.partition.startswith(beginning.partition)
    else:
        assert lock.partition != beginning.partition
        assert not (session.sort or "").startswith("|")


def test_a_key_shows_a_digest_of_itself() -> None:
    digest = hashlib.sha256(b"sess:secret session").hexdigest()[:16]
    assert f"<Key {digest}>" == repr(Key("sess:secret", "session"))
