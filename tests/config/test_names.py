"""Unknown option names, options that are not set, the wrong table, and ``special_keys``."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from beaker.cache import CacheManager
from beaker.ext.database import DatabaseNamespaceManager
from beaker.ext.memcached import MemcachedNamespaceManager
from beaker.ext.sqla import SqlaNamespaceManager
from beaker.util import parse_cache_config_options

from beaker_dynamodb import ConfigurationError
from beaker_dynamodb.config.attributes import FIXED_ATTRIBUTES
from beaker_dynamodb.config.names import IGNORED_OPTIONS
from beaker_dynamodb.config.options import Options
from beaker_dynamodb.config.parse import parse


@pytest.mark.parametrize(
    ("unknown", "meant"),
    [
        ("tabel_name", "table_name"),
        ("regoin", "region"),
        ("Prefix", "prefix"),
        ("hashKey", "hash_key"),
        ("read-capacity-units", "read_capacity_units"),
        ("singing_key", "signing_keys"),
        ("uri", "url"),
        ("ttl", "timeout"),
        ("default_ttl", "timeout"),
        ("aws_secret_key", "aws_secret_access_key"),
    ],
)
def test_a_misspelled_option_is_an_error_with_a_suggestion(unknown: str, meant: str) -> None:
    with pytest.raises(ConfigurationError, match=f"{unknown!r}: did you mean {meant!r}"):
        parse({unknown: "x"})


@pytest.mark.parametrize("name", ["path", "longtimeout", "max_items", "cache_dir", "lru"])
def test_an_option_of_the_application_is_ignored_with_one_warning(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert Options() == parse({name: "x"}) == parse({name: "y", "prefix": None})
    assert [f"option {name!r} is ignored: beaker_dynamodb has no such option"] == caplog.messages


@pytest.mark.parametrize(
    "given",
    [
        {"path": "x", "strict_options": "true"},
        {"url": "dynamodb:///mine?strict_options=true", "path": "x"},
        {"url": "dynamodb:///mine?strict_options=true&path=x"},
    ],
)
def test_any_unknown_option_is_an_error_if_options_are_strict(given: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="unknown option 'path'"):
        parse(given)


def test_an_unknown_option_without_a_value_is_ignored() -> None:
    assert Options(strict_options=True) == parse(
        {"tabel_name": None, "path": "", "strict_options": True}
    )


def test_options_of_beakers_other_backends_are_ignored(caplog: pytest.LogCaptureFixture) -> None:
    managers = (DatabaseNamespaceManager, MemcachedNamespaceManager, SqlaNamespaceManager)
    parameters = [one for it in managers for one in inspect.signature(it).parameters.values()]
    names = {one.name for one in parameters if one.kind is one.POSITIONAL_OR_KEYWORD}
    names |= IGNORED_OPTIONS | {"sa.url", "short.expire", "session.type", "beaker.session.key"}
    names -= {"namespace", "url", "table_name", "table"}
    assert Options() == parse(dict.fromkeys(names, object()))
    assert not caplog.messages


@pytest.mark.parametrize("name", ["table_name", "client", "endpoint_url", "timeout", "url"])
def test_none_and_the_empty_string_mean_the_default(name: str) -> None:
    assert Options() == parse({name: None}) == parse({name: ""})


@pytest.mark.parametrize("name", ["signing_keys", "secret"])
def test_an_empty_secret_does_not_switch_signing_off(name: str) -> None:
    assert Options() == parse({name: None})
    with pytest.raises(ConfigurationError, match=f"{name} is empty"):
        parse({name: ""})


def test_a_table_name_overriding_the_url_is_reported_once(caplog: pytest.LogCaptureFixture) -> None:
    given = {"url": "dynamodb://eu-west-1/mine", "table_name": "beaker_cache"}
    assert "beaker_cache" == parse(given).table_name == parse(given).table_name
    parse({**given, "table_name": "mine"})
    assert [
        "table 'beaker_cache' is used, not 'mine' as in the option url: the option table_name "
        "takes precedence"
    ] == caplog.messages


def test_a_cache_region_without_a_table_logs_the_one_used(caplog: pytest.LogCaptureFixture) -> None:
    settings = {
        "cache.type": "ext:dynamodb",
        "cache.url": "dynamodb://eu-west-1/mine",
        "cache.regions": "short, long",
        "cache.short.region_name": "eu-north-1",
        "cache.long.url": "dynamodb://eu-west-1/mine",
    }
    caches = CacheManager(**parse_cache_config_options(settings))
    for _ in range(2):
        for name in ("short", "long"):
            assert 0 == caches.get_cache_region("news", name).namespace.errors_tolerated
    (message,) = caplog.messages
    assert "the table 'sessions' in Region eu-north-1, because its options name no" in message


def test_a_misspelled_option_of_beaker_is_suggested(caplog: pytest.LogCaptureFixture) -> None:
    parse({"cookie_expire": "300"})
    (message,) = caplog.messages
    assert message.endswith("did you mean Beaker's 'cookie_expires'?")


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
