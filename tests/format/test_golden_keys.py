"""Literal primary keys: an item stored under a key that has changed since is never found again."""

from __future__ import annotations

import pytest

from beaker_dynamodb import ConfigurationError, SpecialKeyError
from beaker_dynamodb.config.parse import parse
from beaker_dynamodb.items.keys import Key, Keys
from beaker_dynamodb.items.special_keys import SpecialKeys

#: Characters that are not encoded in an id or a namespace; a cache key keeps ``|`` and ``:`` as
#: well.
SAFE = (
    " !\"#$&'()*+,-./0123456789;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{}~"
)
KEY_SAFE = SAFE + "|:"

#: Ids and namespaces as they appear in a key.
PARTS = {
    "0123456789abcdef0123456789abcdef": "0123456789abcdef0123456789abcdef",
    "": "%",
    "%": "%25",
    "a|b": "a%7Cb",
    "a:b": "a%3Ab",
    "|lock|news": "%7Clock%7Cnews",
    "%#digest": "%25#digest",
    "Zoë\n": "Zo%C3%AB%0A",
    "\ud800": "%ED%A0%80",
    "x" * 700: "x" * 700,
    "x" * 701: "%#d3205021fb5a512340c8666bbc209bf5947ae74d044d708db40ba4697aa2f5d1",
    # The limit counts what is stored: six bytes for each of these letters.
    "é" * 116 + "x" * 4: "%C3%A9" * 116 + "x" * 4,
    "é" * 117: "%#28d994bfda9e8d5c34ecdaf9bcc66a8cfcf79fe3556430671cb802a60540ed9b",
}
#: Cache keys as they appear in a key.
CACHE_KEYS = {
    b"today": "today",
    b"": "%",
    b"%": "%25",
    b"a|b:c": "a|b:c",
    b"\x00\xff": "%00%FF",
    b"x" * 1000: "x" * 1000,
    b"x" * 1001: "%#cbe4a2e86e808c9b51174c17d56b401791a6282036247a95c3fb2098f098ff79",
    "é".encode() * 166 + b"x" * 4: "%C3%A9" * 166 + "x" * 4,
    "é".encode() * 167: "%#bfb67fa2815fe392ae771d1bbe322d9183c9baa9f6a4784eb3b6d3781c59166e",
}
#: The hash of the id 0123456789abcdef.
DIGEST = "%#9f9f5111f7b27a781f1f1ddde5ebc2dd2b796bfc7365c9c28b548e564176929f"

FLAT, SORTED = Keys(parse({})), Keys(parse({"sort_key": "part"}))


def test_session() -> None:
    for id, part in PARTS.items():
        key = FLAT.session(id)
        assert Key(f"sess:{part}") == key
        assert Key(f"sess:{part}", "session") == SORTED.session(id)
        assert (id, False) == FLAT.session_id(key)


def test_namespace() -> None:
    for namespace, part in PARTS.items():
        assert Key(f"cache:{part}|k") == FLAT.entry(namespace, "k")
        assert Key(f"cache:{part}", "|k") == SORTED.entry(namespace, "k")
        assert Key(f"cache:|lock|{part}|k") == FLAT.lock(namespace, "k")
        assert Key(f"cache:|lock|{part}", "|k") == SORTED.lock(namespace, "k")
        for keys in (FLAT, SORTED):
            assert keys.entry(namespace, "k") == keys.entry_of_lock(keys.lock(namespace, "k"))


def test_cache_key() -> None:
    for key, part in CACHE_KEYS.items():
        assert Key(f"cache:news|{part}") == FLAT.entry("news", key)
        assert Key("cache:news", f"|{part}") == SORTED.entry("news", key)
        assert Key(f"cache:|lock|news|{part}") == FLAT.lock("news", key)
        assert Key("cache:|lock|news", f"|{part}") == SORTED.lock("news", key)
        for keys in (FLAT, SORTED):
            assert key == keys.entry_key("news", keys.entry("news", key))


def test_alphabet() -> None:
    for character in map(chr, range(128)):
        encoded = f"%{ord(character):02X}"
        in_namespace = character if character in SAFE else encoded
        in_key = character if character in KEY_SAFE else encoded
        assert f"sess:{in_namespace}" == FLAT.session(character).partition
        assert f"cache:{in_namespace}|{in_key}" == FLAT.entry(character, character).partition


def test_text_and_bytes_are_one_cache_key() -> None:
    assert "cache:news|Zo%C3%AB" == FLAT.entry("news", "Zoë").partition
    assert FLAT.entry("news", "Zoë") == FLAT.entry("news", "Zoë".encode())


def test_the_original_of_a_digest_is_stored_with_the_key() -> None:
    assert {} == FLAT.entry("n" * 700, b"k" * 1000).originals
    long = FLAT.entry("n" * 701, b"k" * 1001)
    assert {"namespace": b"n" * 701, "key": b"k" * 1001} == long.originals
    assert {"namespace": b"s" * 701} == SORTED.session("s" * 701).originals


def test_hashed_id() -> None:
    key = f"sess:{DIGEST}"
    assert Key(key) == Keys(parse({"hash_ids": True})).session("0123456789abcdef")
    moving = Keys(parse({"hash_ids": "migrate", "sort_key": "part"}))
    assert Key(key, "session") == moving.session("0123456789abcdef")
    assert Key("sess:0123456789abcdef", "session") == moving.session(
        "0123456789abcdef", hashed=False
    )
    assert {} == moving.session("x" * 701).originals


@pytest.mark.parametrize(
    ("option", "prefix"), [("app", "app:"), ("app:", "app:"), ("", ""), (None, None)]
)
def test_prefix(option: str | None, prefix: str | None) -> None:
    keys = Keys(parse({"prefix": option}))
    session, cache = ("sess:", "cache:") if prefix is None else (prefix, prefix)
    assert (session, cache) == keys.prefixes
    assert f"{session}a" == keys.session("a").partition
    assert f"{cache}a|k" == keys.entry("a", "k").partition
    assert f"{cache}|lock|a|k" == keys.lock("a", "k").partition
    assert f"{session}|chunk|NAME|0" == keys.chunk("NAME", 0, of_session=True).partition
    assert f"{cache}|chunk|NAME|0" == keys.chunk("NAME", 0, of_session=False).partition


def test_chunk() -> None:
    assert Key("sess:|chunk|NAME|12") == FLAT.chunk("NAME", 12, of_session=True)
    assert Key("cache:|chunk|NAME|0", "|") == SORTED.chunk("NAME", 0, of_session=False)


def test_record_of_a_migration() -> None:
    flat, sorted_ = FLAT.migration("NAME"), SORTED.migration("NAME")
    assert [Key("sess:|migration|NAME"), Key("sess:|migration|NAME", "|")] == [flat, sorted_]
    for keys, key in ((FLAT, flat), (SORTED, sorted_)):
        others = (keys.is_session, keys.is_entry, keys.is_chunk, keys.is_lock)
        assert keys.is_migration(key)
        assert not any(is_other(key) for is_other in others)
    assert not FLAT.is_migration(Key("sess:NAME"))


def test_beginnings() -> None:
    assert ("sess:", "cache:") == FLAT.prefixes
    assert Key("cache:a%7Cb|") == FLAT.entries("a|b")
    assert Key("cache:a%7Cb", "|") == SORTED.entries("a|b")


def test_longest_keys_are_within_dynamodbs_limits() -> None:
    longest = {"prefix": "p" * 255}
    lock = Keys(parse(longest)).lock("n" * 700, "k" * 1000)
    assert "p" * 255 + ":|lock|" + "n" * 700 + "|" + "k" * 1000 == lock.partition
    assert 2048 >= len(lock.partition)
    entry = Keys(parse({**longest, "sort_key": "part"})).entry("n" * 700, "k" * 1000)
    assert "|" + "k" * 1000 == entry.sort
    with pytest.raises(ConfigurationError, match="255 bytes"):
        parse({"prefix": "p" * 256})


def test_key_of_an_index() -> None:
    special = SpecialKeys(parse({"special_keys": "user:S:index"}))
    for value in ("u", "u" * 2048):
        assert {"S": value} == special.attribute("user", value)
    for value in ("", "u" * 2049):
        with pytest.raises(SpecialKeyError):
            special.attribute("user", value)


# -- what is found in the table -------------------------------------------------------------------


def test_is_entry() -> None:
    for partition, sort in (("cache:news", "|k"), ("cache:%", "|%"), ("cache:news", "|a|b:c")):
        assert FLAT.is_entry(Key(partition + sort))
        assert SORTED.is_entry(Key(partition, sort))


@pytest.mark.parametrize(
    ("partition", "sort"),
    [
        ("other:news", "|k"),  # of another prefix
        ("cache:app:news", "|k"),  # of a longer one
        ("sess:news", "|k"),
        ("news", "|k"),
        ("cache:", "|k"),  # no namespace
        ("cache:|lock|news", "|k"),
        ("cache:|chunk|NAME|0", "|"),
    ],
)
def test_is_not_an_entry(partition: str, sort: str) -> None:
    assert not FLAT.is_entry(Key(partition + sort))
    assert not SORTED.is_entry(Key(partition, sort))


def test_a_key_without_a_bar_is_not_an_entry() -> None:
    assert not FLAT.is_entry(Key("cache:news"))
    assert not SORTED.is_entry(Key("cache:news", "session"))


def test_is_session() -> None:
    for partition in ("sess:0123", "sess:%"):
        assert FLAT.is_session(Key(partition))
        assert SORTED.is_session(Key(partition, "session"))
        assert not SORTED.is_session(Key(partition, "|k"))
    for partition in ("cache:0123", "sess:app:0123", "sess:", "sess:|chunk|NAME|0", "0123"):
        assert not FLAT.is_session(Key(partition))
        assert not SORTED.is_session(Key(partition, "session"))


def test_is_chunk() -> None:
    for partition in ("sess:|chunk|NAME|0", "cache:|chunk|NAME|0"):
        assert FLAT.is_chunk(Key(partition))
        assert SORTED.is_chunk(Key(partition, "|"))
    for partition in ("cache:|lock|news|k", "other:|chunk|NAME|0"):
        assert not FLAT.is_chunk(Key(partition))
        assert not SORTED.is_chunk(Key(partition, "|"))


def test_digest_is_read_back_as_one() -> None:
    assert (DIGEST, True) == FLAT.session_id(Key(f"sess:{DIGEST}"))
    assert Key(f"sess:{DIGEST}") == FLAT.of_digest(DIGEST)
    assert Key(f"sess:{DIGEST}", "session") == SORTED.of_digest(DIGEST)


def test_the_digest_in_messages_is_a_prefix_of_the_hash() -> None:
    assert "@ba7816bf8f01cfea" == FLAT.digest(Key("sess:abc"))
    assert "@9f9f5111f7b27a78" == FLAT.digest(Key(f"sess:{DIGEST}"))


def test_user() -> None:
    digest = "3e376fe838e714502a7f71df26f7c5c69b696ecf4ca4b2f1b232d12abd86f043"
    assert Key(f"sess:|user|{digest}") == Keys(parse({})).user("N:42")
    assert Key(f"sess:|user|{digest}", "|") == Keys(parse({"sort_key": "part"})).user("N:42")
    assert FLAT.is_user(FLAT.user("N:42"))
    assert not FLAT.is_user(Key("sess:abc"))
