"""Literal primary keys: an item stored under a key that has changed since is never found again."""

from __future__ import annotations

import pytest

from beaker_dynamodb import ConfigurationError, SpecialKeyError
from beaker_dynamodb.config.parse import parse
from beaker_dynamodb.items.keys import Key, Keys
from beaker_dynamodb.items.special_keys import SpecialKeys

#: Stand for themselves in an id or a namespace; a cache key keeps ``|`` and ``:`` as well.
SAFE = (
    " !\"#$&'()*+,-./0123456789;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{}~"
)
KEY_SAFE = SAFE + "|:"

#: Ids and namespaces as they stand in a key.
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
#: Cache keys as they stand in a key.
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


def shown(value: object) -> str:
    """Return a parameter's name in reports: the beginning of it."""
    return ascii(value)[:24]


FLAT, SORTED = Keys(parse({})), Keys(parse({"sort_key": "part"}))


@pytest.mark.parametrize(("id", "part"), PARTS.items(), ids=shown)
def test_session(id: str, part: str) -> None:
    assert Key(f"sess:{part}") == FLAT.session(id)
    assert Key(f"sess:{part}", "session") == SORTED.session(id)


@pytest.mark.parametrize(("namespace", "part"), PARTS.items(), ids=shown)
def test_namespace(namespace: str, part: str) -> None:
    assert Key(f"cache:{part}|k") == FLAT.entry(namespace, "k")
    assert Key(f"cache:{part}", "|k") == SORTED.entry(namespace, "k")
    assert Key(f"cache:|lock|{part}|k") == FLAT.lock(namespace, "k")
    assert Key(f"cache:|lock|{part}", "|k") == SORTED.lock(namespace, "k")
    for keys in (FLAT, SORTED):
        assert keys.entry(namespace, "k") == keys.entry_of_lock(keys.lock(namespace, "k"))


@pytest.mark.parametrize(("key", "part"), CACHE_KEYS.items(), ids=shown)
def test_cache_key(key: bytes, part: str) -> None:
    assert Key(f"cache:news|{part}") == FLAT.entry("news", key)
    assert Key("cache:news", f"|{part}") == SORTED.entry("news", key)
    assert Key(f"cache:|lock|news|{part}") == FLAT.lock("news", key)
    assert Key("cache:|lock|news", f"|{part}") == SORTED.lock("news", key)
    assert key == FLAT.entry_key("news", FLAT.entry("news", key))
    assert key == SORTED.entry_key("news", SORTED.entry("news", key))


def test_alphabet() -> None:
    for character in map(chr, range(128)):
        encoded = f"%{ord(character):02X}"
        in_namespace = character if character in SAFE else encoded
        in_key = character if character in KEY_SAFE else encoded
        assert f"sess:{in_namespace}" == FLAT.session(character).partition
        assert f"cache:{in_namespace}|{in_key}" == FLAT.entry(character, character).partition


@pytest.mark.parametrize("byte", [0x7F, 0x80, 0xFF])
def test_other_bytes_are_encoded(byte: int) -> None:
    assert f"cache:news|%{byte:02X}" == FLAT.entry("news", bytes([byte])).partition


def test_text_and_bytes_are_one_cache_key() -> None:
    assert "cache:news|Zo%C3%AB" == FLAT.entry("news", "Zoë").partition
    assert FLAT.entry("news", "Zoë") == FLAT.entry("news", "Zoë".encode())


def test_original_of_a_digest_is_kept_beside_the_key() -> None:
    assert {} == FLAT.entry("n" * 700, b"k" * 1000).originals
    long = FLAT.entry("n" * 701, b"k" * 1001)
    assert {"namespace": b"n" * 701, "key": b"k" * 1001} == long.originals
    assert {"namespace": b"s" * 701} == SORTED.session("s" * 701).originals


def test_hashed_id() -> None:
    key = "sess:%#9f9f5111f7b27a781f1f1ddde5ebc2dd2b796bfc7365c9c28b548e564176929f"
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


@pytest.mark.parametrize(("size", "fits"), [(1, True), (2048, True), (0, False), (2049, False)])
def test_key_of_an_index(size: int, fits: bool) -> None:
    special = SpecialKeys(parse({"special_keys": "user:S:index"}))
    if fits:
        assert {"S": "u" * size} == special.attribute("user", "u" * size)
    else:
        with pytest.raises(SpecialKeyError):
            special.attribute("user", "u" * size)


# -- what is found in the table -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("partition", "sort"),
    [
        ("cache:news|k", "|k"),
        ("cache:%|%", "|%"),
        ("cache:news|a|b:c", "|a|b:c"),
    ],
)
def test_is_entry(partition: str, sort: str) -> None:
    assert FLAT.is_entry(Key(partition))
    assert SORTED.is_entry(Key(partition.partition("|")[0], sort))


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
def test_is_no_entry(partition: str, sort: str) -> None:
    assert not FLAT.is_entry(Key(partition + sort))
    assert not SORTED.is_entry(Key(partition, sort))


def test_what_has_no_bar_is_no_entry() -> None:
    assert not FLAT.is_entry(Key("cache:news"))
    assert not SORTED.is_entry(Key("cache:news", "session"))


@pytest.mark.parametrize(
    ("partition", "found"),
    [
        ("sess:0123", True),
        ("sess:%", True),
        ("cache:0123", False),
        ("sess:app:0123", False),
        ("sess:", False),
        ("sess:|chunk|NAME|0", False),
        ("0123", False),
    ],
)
def test_is_session(partition: str, found: bool) -> None:
    assert found is FLAT.is_session(Key(partition))
    assert found is SORTED.is_session(Key(partition, "session"))
    assert not SORTED.is_session(Key(partition, "|k"))


@pytest.mark.parametrize(
    ("partition", "found"),
    [
        ("sess:|chunk|NAME|0", True),
        ("cache:|chunk|NAME|0", True),
        ("cache:|lock|news|k", False),
        ("other:|chunk|NAME|0", False),
    ],
)
def test_is_chunk(partition: str, found: bool) -> None:
    assert found is FLAT.is_chunk(Key(partition))
    assert found is SORTED.is_chunk(Key(partition, "|"))


@pytest.mark.parametrize(("id", "part"), PARTS.items(), ids=shown)
def test_id_is_read_back(id: str, part: str) -> None:
    originals = {"namespace": id.encode()} if part.startswith("%#") else {}
    assert (id, False) == FLAT.session_id(Key(f"sess:{part}", None, originals))


def test_digest_is_read_back_as_one() -> None:
    digest = "%#9f9f5111f7b27a781f1f1ddde5ebc2dd2b796bfc7365c9c28b548e564176929f"
    assert (digest, True) == FLAT.session_id(Key(f"sess:{digest}"))
    assert Key(f"sess:{digest}") == FLAT.of_digest(digest)
    assert Key(f"sess:{digest}", "session") == SORTED.of_digest(digest)


def test_the_digest_in_messages_is_the_beginning_of_the_hash() -> None:
    assert "@ba7816bf8f01cfea" == FLAT.digest(Key("sess:abc"))
    digest = "%#9f9f5111f7b27a781f1f1ddde5ebc2dd2b796bfc7365c9c28b548e564176929f"
    assert "@9f9f5111f7b27a78" == FLAT.digest(Key(f"sess:{digest}"))


def test_user() -> None:
    digest = "3e376fe838e714502a7f71df26f7c5c69b696ecf4ca4b2f1b232d12abd86f043"
    assert Key(f"sess:|user|{digest}") == FLAT.user("N:42")
    assert Key(f"sess:|user|{digest}", "|") == SORTED.user("N:42")
    assert FLAT.is_user(FLAT.user("N:42"))
    assert not FLAT.is_user(Key("sess:abc"))
