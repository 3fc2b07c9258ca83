"""The options of special keys: how they may be written, and what is refused at start."""

from __future__ import annotations

from typing import Any

import pytest

from beaker_dynamodb import ConfigurationError
from beaker_dynamodb.config.attributes import FIXED_ATTRIBUTES
from beaker_dynamodb.config.parse import parse

PARSED = (("userId", "S"), ("logins", "N"), ("user.blob", "B"), ("admin", "BOOL"))


@pytest.mark.parametrize(
    "given",
    [
        "userId:S, logins:N, user.blob:B, admin:BOOL",
        " userId : s,logins:n,user.blob:b,admin:Bool",
        "userId:S, logins:N, user.blob:B, admin:BOOL, ",
        {"userId": "S", "logins": "N", "user.blob": "B", "admin": "BOOL"},
        [("userId", "S"), ["logins", "N"], ("user.blob", "B"), ("admin", "BOOL")],
        [
            {"name": "userId", "type": "S"},
            {"name": "logins", "type": "N"},
            {"name": "user.blob", "type": "B"},
            {"name": "admin", "type": "BOOL"},
        ],
    ],
)
def test_special_keys_are_a_text_a_dict_or_a_list(given: Any) -> None:
    """Every way to write them, the forerunner's among them, gives the same pairs in order."""
    assert PARSED == parse({"special_keys": given}).special_keys


@pytest.mark.parametrize(
    "given",
    [
        "userId",
        "userId:",
        ":S",
        "userId:SS",
        "userId:S, userId:N",
        "k" * 256 + ":S",
        7,
        ["userId"],
        [("userId", "S", "N")],
        [{"name": "userId"}],
        {7: "S"},
    ],
)
def test_what_is_no_list_of_names_and_types_is_refused(given: Any) -> None:
    """A missing name or type, an unknown type and a name that comes twice are errors."""
    with pytest.raises(ConfigurationError, match="option special_keys"):
        parse({"special_keys": given})


@pytest.mark.parametrize("given", ["userId", "a:S, userId", ":S", "a:S, :N"])
def test_a_key_without_a_type_is_named(given: str) -> None:
    """The error says what is missing of which part."""
    part = given.rpartition(", ")[2]
    with pytest.raises(ConfigurationError, match=f"contains '{part}', which is not name:TYPE"):
        parse({"special_keys": given})


def test_a_comma_at_the_end_of_index_keys_is_nothing() -> None:
    """As of special_keys."""
    assert ("a", "b") == parse({"special_keys": "a:S, b:S,", "index_keys": "a, b,"}).index_keys


@pytest.mark.parametrize("name", sorted({*FIXED_ATTRIBUTES, "id", "expires"}))
def test_our_own_attributes_are_no_special_keys(name: str) -> None:
    """A special key cannot take the place of an attribute that an item needs."""
    with pytest.raises(ConfigurationError, match=f"option special_keys: '{name}' is already"):
        parse({"special_keys": f"{name}:S"})


@pytest.mark.parametrize(
    ("option", "name"), [("hash_key", "pk"), ("sort_key", "sk"), ("ttl_attribute", "ttl")]
)
def test_the_tables_own_attributes_are_no_special_keys(option: str, name: str) -> None:
    """Nor can one take the place of an attribute that an option names."""
    with pytest.raises(ConfigurationError, match=f"'{name}' is already the {option}"):
        parse({option: name, "special_keys": f"{name}:S"})


@pytest.mark.parametrize("given", ["logins, userId", ["logins", "userId"], "logins,userId,logins"])
def test_index_keys_are_a_text_or_a_list(given: Any) -> None:
    """They keep their order, and one that comes twice counts once."""
    options = parse({"special_keys": "userId:S, logins:N", "index_keys": given})
    assert ("logins", "userId") == options.index_keys


@pytest.mark.parametrize(
    ("special_keys", "index_keys", "reason"),
    [
        ("userId:S", "user", "'user' is not in special_keys"),
        ("", "userId", "'userId' is not in special_keys"),
        ("admin:BOOL", "admin", "'admin' is a BOOL, not S, N or B"),
        ("userId:S", 7, "must be a string or a list"),
        (", ".join(f"k{n}:S" for n in range(15)), "k0", None),
        (", ".join(f"k{n}:S" for n in range(16)), "k0", "1 indexes of 21 attributes"),
        (", ".join(f"k{n}:S" for n in range(7)), ",".join(f"k{n}" for n in range(7)), None),
        (", ".join(f"k{n}:S" for n in range(8)), ",".join(f"k{n}" for n in range(8)), "of 13"),
    ],
)
def test_what_dynamodb_cannot_index_is_refused(
    special_keys: str, index_keys: Any, reason: str | None
) -> None:
    """Only special keys of a type that a key can have, and as many as an index can hold."""
    given = {"special_keys": special_keys, "index_keys": index_keys}
    if reason is None:
        assert parse(given).index_keys
        return
    with pytest.raises(ConfigurationError, match="option index_keys") as caught:
        parse(given)
    assert reason in str(caught.value)
