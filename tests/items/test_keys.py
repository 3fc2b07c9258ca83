"""(namespace, key) to a primary key and back: one to one, and always within DynamoDB's limits."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import assume, example, given
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
#: What has a key: its kind, the session's id or the namespace, and the cache key.
THINGS = st.tuples(st.just("session"), TEXTS, st.just(b"")) | st.tuples(
    st.sampled_from(["entry", "lock"]), TEXTS, BYTES
)
sorted_or_not = pytest.mark.parametrize("sort_key", [None, "part"])

Thing = tuple[str, str, bytes]


def keys(prefix: str | None, sort_key: str | None) -> Keys:
    return Keys(parse({"prefix": prefix, "sort_key": sort_key}))


def primary(keys: Keys, kind: str, name: str, key: bytes) -> tuple[str, str | None]:
    made = keys.session(name) if kind == "session" else getattr(keys, kind)(name, key)
    return made.partition, made.sort


def raw(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")


@sorted_or_not
@given(prefix=PREFIXES, one=THINGS, other=THINGS)
@example(prefix=None, one=("entry", "a", b"b|c"), other=("entry", "a|b", b"c"))
@example(prefix=None, one=("entry", "", b"a"), other=("entry", "%", b"a"))
@example(prefix="", one=("entry", "a", b""), other=("entry", "a", b"%"))
@example(prefix="", one=("entry", "a", b""), other=("lock", "lock|a", b""))
@example(prefix="", one=("session", "a|b", b""), other=("entry", "a", b"b"))
@example(prefix="", one=("session", "a|b", b""), other=("lock", "", b"lock|a|b"))
def test_sessions_entries_and_locks_are_told_apart(
    sort_key: str | None, prefix: str | None, one: Thing, other: Thing
) -> None:
    made = keys(prefix, sort_key)
    assert (one == other) is (primary(made, *one) == primary(made, *other))


@sorted_or_not
@given(prefixes=st.tuples(PREFIXES, PREFIXES), one=THINGS, other=THINGS)
@example(prefixes=("", "a"), one=("entry", "a:b", b"k"), other=("entry", "b", b"k"))
@example(prefixes=("a", "a:b"), one=("entry", "b:c", b"k"), other=("entry", "c", b"k"))
@example(prefixes=("", None), one=("session", "sess:b", b""), other=("session", "b", b""))
def test_no_id_reaches_into_another_prefix(
    sort_key: str | None, prefixes: tuple[str | None, str | None], one: Thing, other: Thing
) -> None:
    ours, theirs = (keys(prefix, sort_key) for prefix in prefixes)
    assume(not set(ours.prefixes) & set(theirs.prefixes))
    assert primary(ours, *one) != primary(theirs, *other)


@sorted_or_not
@given(prefix=PREFIXES, namespace=TEXTS, key=BYTES | TEXTS)
def test_a_key_can_be_read_back(
    sort_key: str | None, prefix: str | None, namespace: str, key: str | bytes
) -> None:
    made = keys(prefix, sort_key)
    assert raw(key) == made.entry_key(namespace, made.entry(namespace, key))


@sorted_or_not
@given(prefix=PREFIXES, namespace=TEXTS, other=TEXTS, key=BYTES)
def test_a_key_prefix_belongs_to_one_namespace(
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
