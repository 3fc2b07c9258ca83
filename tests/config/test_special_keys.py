"""Parsing of ``special_keys`` and ``index_keys``."""

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
        " userId : s,logins:n, user.blob:b,admin:Bool, ",
        dict(PARSED),
        [("userId", "S"), ["logins", "N"], ("user.blob", "B"), ("admin", "BOOL")],
        [{"name": name, "type": kind} for name, kind in PARSED],
    ],
    ids=["string", "dict", "pairs", "forerunner"],
)
def test_every_notation_of_special_keys(given: Any) -> None:
    assert PARSED == parse({"special_keys": given}).special_keys


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("userId", "contains 'userId', which is not name:TYPE"),
        ("a:S, :N", "contains ':N', which is not name:TYPE"),
        ("userId:", "must be one of S, N, B, BOOL"),
        ("userId:SS", "must be one of S, N, B, BOOL"),
        ("userId:S, userId:N", "contains 'userId' twice"),
        ("k" * 256 + ":S", "must have 1 to 255 bytes"),
        (7, "must be name:TYPE"),
        (["userId"], "only pairs"),
        ([("userId", "S", "N")], "only pairs"),
        ([{"name": "userId"}], "only pairs"),
        ({7: "S"}, "must be a string"),
    ],
)
def test_wrong_special_keys(given: Any, reason: str) -> None:
    with pytest.raises(ConfigurationError, match="option special_keys") as caught:
        parse({"special_keys": given})
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    ("options", "name"),
    [
        *[({}, name) for name in sorted({*FIXED_ATTRIBUTES, "id", "expires"})],
        ({"hash_key": "pk"}, "pk"),
        ({"sort_key": "sk"}, "sk"),
        ({"ttl_attribute": "ttl"}, "ttl"),
    ],
)
def test_a_special_key_cannot_have_the_name_of_another_attribute(
    options: dict[str, str], name: str
) -> None:
    with pytest.raises(ConfigurationError, match=f"option special_keys: '{name}' is already"):
        parse({**options, "special_keys": f"{name}:S"})


@pytest.mark.parametrize("given", ["logins, userId,", ["logins", "userId"], "logins,userId,logins"])
def test_index_keys_keep_their_order(given: Any) -> None:
    options = parse({"special_keys": "userId:S, logins:N", "index_keys": given})
    assert ("logins", "userId") == options.index_keys


def many(count: int) -> str:
    return ", ".join(f"k{number}:S" for number in range(count))


@pytest.mark.parametrize(
    ("special_keys", "index_keys", "reason"),
    [
        ("userId:S", "user", "'user' is not in special_keys"),
        ("admin:BOOL", "admin", "'admin' is a BOOL, not S, N or B"),
        ("userId:S", 7, "must be a string or a list"),
        (many(15), "k0", None),
        (many(16), "k0", "1 indexes of 21 attributes"),
        (many(7), [f"k{number}" for number in range(7)], None),
        (many(8), [f"k{number}" for number in range(8)], "8 indexes of 13 attributes"),
    ],
)
def test_only_what_dynamodb_can_index_is_an_index_key(
    special_keys: str, index_keys: Any, reason: str | None
) -> None:
    given = {"special_keys": special_keys, "index_keys": index_keys}
    if reason is None:
        assert parse(given).index_keys
        return
    with pytest.raises(ConfigurationError, match="option index_keys") as caught:
        parse(given)
    assert reason in str(caught.value)
