"""Parsing of options and of the option ``url``, and the errors for wrong ones."""

from __future__ import annotations

from typing import Any

import pytest

from beaker_dynamodb import ConfigurationError
from beaker_dynamodb.backend import backend_for
from beaker_dynamodb.config.options import Options
from beaker_dynamodb.config.parse import parse

ARN = "arn:aws:dynamodb:eu-west-1:123456789012:table/mine"
SECRETS = [
    *("aws_access_key_id", "aws_secret_access_key", "signing_keys", "url"),
    *("secret", "previous_secrets"),
]


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        ("table_name", " my.table-1_x ", "my.table-1_x"),
        ("table_name", ARN, ARN),
        ("prefix", "app", "app:"),
        ("prefix", "app:", "app:"),
        ("prefix", "", ""),
        ("prefix", None, None),
        ("create_table", " OFF ", False),
        ("create_table", 0, False),
        ("create_table", "yes", True),
        ("create_table", True, True),
        ("compression", "ZLIB", "zlib"),
        ("read_timeout", "0.5", 0.5),
        ("read_timeout", 3, 3.0),
        ("max_attempts", "5", 5),
        ("max_attempts", 2.0, 2),
        ("timeout", "0", 0.0),
        ("timeout", 1e10, 1e10),
        ("hash_ids", "Migrate", "migrate"),
        ("consistent_read", "AUTO", "auto"),
        ("serializer", "JSON", "json"),
        ("ttl_attribute", "größe", "größe"),
        (
            "signing_keys",
            "0123456789abcdef, ABCDEFGHIJKLMNOP",
            (b"0123456789abcdef", b"ABCDEFGHIJKLMNOP"),
        ),
        ("signing_keys", b"0123456789abcdef", (b"0123456789abcdef",)),
        ("secret", " as it is ", " as it is "),
        ("previous_secrets", "one, two", ("one", "two")),
        ("previous_secrets", [" one ", "two,"], (" one ", "two,")),
        ("cookie_signature", "SHA256-only", "sha256-only"),
    ],
)
def test_strings_and_python_values_are_accepted(name: str, given: Any, expected: Any) -> None:
    value = getattr(parse({name: given}), name)
    assert (type(expected), expected) == (type(value), value)


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("table_name", "ab"),
        ("table_name", "a" * 256),
        ("table_name", "my table"),
        ("table_name", 7),
        ("hash_key", "k" * 256),
        ("hash_key", " "),
        ("prefix", "a|b"),
        ("prefix", "a%b"),
        ("prefix", "p" * 256),
        ("prefix", "\ud800"),
        ("client", "client"),
        ("clock", "time.time"),
        ("create_table", "maybe"),
        ("compression", "gzip"),
        ("read_timeout", "0"),
        ("read_timeout", "nan"),
        ("read_timeout", "inf"),
        ("read_timeout", True),
        ("max_attempts", "1.5"),
        ("max_attempts", 0),
        ("write_capacity_units", "many"),
        ("timeout", "-1"),
        ("timeout", []),
        ("timeout", 1e10 + 1),
        ("serializer", "yaml"),
        pytest.param("serializer", object(), id="serializer-object"),
        ("signing_keys", "too short"),
        ("signing_keys", ()),
        ("signing_keys", {b"0123456789abcdef"}),
        ("signing_keys", [7]),
    ],
    ids=repr,
)
def test_a_wrong_value_is_an_error_that_names_the_option(name: str, given: Any) -> None:
    with pytest.raises(ConfigurationError, match=f"option {name}\\b"):
        parse({name: given})


def test_an_equal_value_of_another_type_is_checked_again() -> None:
    assert 1 == backend_for({"timeout": 1}).options.timeout
    with pytest.raises(ConfigurationError, match="timeout True"):
        backend_for({"timeout": True})


@pytest.mark.parametrize("given", [{"read_capacity_units": 1}, {"write_capacity_units": "1"}])
def test_capacity_units_mean_provisioned(given: dict[str, Any]) -> None:
    assert parse(given).provisioned
    assert not Options().provisioned


@pytest.mark.parametrize(("alias", "name"), [("table", "table_name"), ("region", "region_name")])
def test_an_alias_sets_the_option(alias: str, name: str) -> None:
    assert "one-two" == getattr(parse({alias: "one-two", name: "one-two"}), name)
    with pytest.raises(ConfigurationError, match=f"option {name} is set twice"):
        parse({alias: "one-two", name: "three"})


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({"hash_key": "data"}, "data"),
        ({"sort_key": "type"}, "type"),
        ({"ttl_attribute": "deadline"}, "deadline"),
        ({"ttl_attribute": "id"}, "id"),
        ({"sort_key": "id"}, "id"),
        ({"sort_key": "expires"}, "expires"),
    ],
    ids=str,
)
def test_two_attributes_cannot_have_the_same_name(given: dict[str, Any], name: str) -> None:
    with pytest.raises(ConfigurationError, match=f"{name!r} is already"):
        parse(given)


@pytest.mark.parametrize("name", SECRETS)
def test_no_repr_or_error_contains_a_secret(name: str) -> None:
    secret = "hush-hush-hush-hush"
    for given in (secret, [secret]):
        try:
            shown = repr(parse({name: given, "table_name": "mine"}))
        except ConfigurationError as error:
            shown = str(error)
        assert "hush" not in shown


def test_a_repr_lists_what_was_set() -> None:
    assert "Options(table_name='mine', aws_access_key_id=***)" == repr(
        parse({"table": "mine", "aws_access_key_id": "hush"})
    )


@pytest.mark.parametrize(
    ("url", "options"),
    [
        ("dynamodb://eu-west-1/mine", {"region_name": "eu-west-1", "table_name": "mine"}),
        ("dynamodb:///mine", {"table_name": "mine"}),
        ("dynamodb://", {}),
        (
            "dynamodb:///mine?endpoint_url=http://127.0.0.1:8000&prefix=app%3A",
            {"table_name": "mine", "endpoint_url": "http://127.0.0.1:8000", "prefix": "app:"},
        ),
        (
            "dynamodb:///mine?create_table=false&max_attempts=1&prefix=",
            {"table_name": "mine", "create_table": False, "max_attempts": 1, "prefix": ""},
        ),
        ("dynamodb://eu-west-1/mine?region=eu-west-1", {"region": "eu-west-1", "table": "mine"}),
    ],
)
def test_a_url_sets_options(url: str, options: dict[str, Any]) -> None:
    assert parse(options) == parse({"url": url})


def test_an_option_overrides_the_url() -> None:
    options = parse({"url": "dynamodb://eu-west-1/mine?prefix=a", "region": "eu-west-2"})
    assert ("eu-west-2", "mine", "a:") == (options.region_name, options.table_name, options.prefix)


@pytest.mark.parametrize(
    "url",
    [
        "redis://eu-west-1/mine",
        "mine",
        "dynamodb://key:hush@eu-west-1/mine",
        "dynamodb://eu-west-1:8000/mine",
        "dynamodb://eu-west-1/mine#part",
        "dynamodb://eu-west-1/mine?hush",
        "dynamodb://[eu-west-1/mine",
        "dynamodb:///a/b",
        "dynamodb:///mine?url=dynamodb:///hush",
        "dynamodb:///mine?client=hush",
        "dynamodb:///mine?prefix=a&prefix=b",
        "dynamodb:///mine?table=other",
        "dynamodb:///mine?aws_secret_access_key=hush&create_table=maybe",
    ],
)
def test_a_wrong_url_is_an_error_without_its_secrets(url: str) -> None:
    with pytest.raises(ConfigurationError, match="option") as caught:
        parse({"url": url})
    assert "hush" not in str(caught.value)


def test_an_unknown_option_in_a_url() -> None:
    with pytest.raises(ConfigurationError, match="'prefx': did you mean 'prefix'"):
        parse({"url": "dynamodb:///mine?prefx=a"})
