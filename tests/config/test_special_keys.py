"""Parsing of ``special_keys``."""

from __future__ import annotations

from typing import Any

import pytest

from beaker_dynamodb import ConfigurationError
from beaker_dynamodb.config.attributes import FIXED_ATTRIBUTES
from beaker_dynamodb.config.parse import parse

KEYS = {"userId": "S:index", "logins": "N", "user:blob": "B:index", "admin": "BOOL"}
NAMED = [{"name": name, "type": kind} for name, kind in KEYS.items()]


@pytest.mark.parametrize(
    "given",
    [
        " userId : s:Index,logins:n, user:blob:b : index,admin:Bool, ",
        KEYS,
        list(KEYS.items()),
        NAMED,
        [NAMED[0], *(list(item) for item in KEYS.items() if item[0] != "userId")],
    ],
    ids=["string", "dict", "pairs", "forerunner", "mixed"],
)
def test_every_notation_of_special_keys(given: Any) -> None:
    options = parse({"special_keys": given})
    expected = {"userId": "S", "logins": "N", "user:blob": "B", "admin": "BOOL"}
    assert expected == options.special_types
    assert ("userId", "user:blob") == options.index_keys


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("userId", "contains 'userId', which is not name:TYPE"),
        ("a:S, :N", "contains ':N', which is not name:TYPE"),
        ("userId:", "must be one of S, N, B, BOOL"),
        ("userId:SS", "must be one of S, N, B, BOOL"),
        ("userId:S:indx", "must be one of S, N, B, BOOL"),
        ({"userId": "S:indx"}, "must have a type such as S or S:index"),
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


def many(count: int, indexed: int) -> str:
    return ", ".join(f"k{n}:S:index" if n < indexed else f"k{n}:S" for n in range(count))


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("admin:BOOL:index", "'admin' is a BOOL, which DynamoDB cannot index"),
        (many(15, 1), None),
        (many(16, 1), "1 indexes of 21 attributes"),
        (many(7, 7), None),
        (many(8, 8), "8 indexes of 13 attributes"),
    ],
)
def test_only_what_dynamodb_can_index_is_accepted(given: str, reason: str | None) -> None:
    if reason is None:
        assert parse({"special_keys": given}).index_keys
        return
    with pytest.raises(ConfigurationError, match=f"option special_keys: .*{reason}"):
        parse({"special_keys": given})
