"""Options: parsed, checked, and explained where they do not fit."""

from __future__ import annotations

from typing import Any

import pytest

from beaker_dynamodb import ConfigurationError
from beaker_dynamodb.config.parse import IGNORED_OPTIONS, Options, parse
from beaker_dynamodb.config.reference import option_rows

SECRETS = ["aws_access_key_id", "aws_secret_access_key"]


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        ("table_name", " my.table-1_x ", "my.table-1_x"),
        (
            "table_name",
            "arn:aws:dynamodb:eu-west-1:123456789012:table/mine",
            "arn:aws:dynamodb:eu-west-1:123456789012:table/mine",
        ),
        ("prefix", "app", "app:"),
        ("prefix", "app:", "app:"),
        ("prefix", "", ""),
        ("create_table", "false", False),
        ("create_table", " OFF ", False),
        ("create_table", 0, False),
        ("create_table", "yes", True),
        ("create_table", True, True),
        ("compression", "ZLIB", "zlib"),
        ("read_timeout", "0.5", 0.5),
        ("read_timeout", 3, 3.0),
        ("max_attempts", "5", 5),
        ("max_attempts", 2.0, 2),
        ("read_capacity_units", "1", 1),
        ("timeout", "0", 0.0),
        ("timeout", 1920, 1920.0),
        ("serializer", "JSON", "json"),
        ("hash_key", "sid", "sid"),
        ("ttl_attribute", "größe", "größe"),
    ],
)
def test_texts_and_python_values_are_equally_good(name: str, given: Any, expected: Any) -> None:
    """A value from an INI file and one from Python give the same option."""
    value = getattr(parse({name: given}), name)
    assert expected == value
    assert type(expected) is type(value)


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
        ("config", "config"),
        ("clock", "time.time"),
        ("create_table", "maybe"),
        ("compression", "gzip"),
        ("connect_timeout", "0"),
        ("read_timeout", "soon"),
        ("read_timeout", "nan"),
        ("read_timeout", "inf"),
        ("read_timeout", True),
        ("max_attempts", "1.5"),
        ("max_attempts", "-1"),
        ("max_attempts", 0),
        ("write_capacity_units", "many"),
        ("timeout", "-1"),
        ("timeout", []),
        ("serializer", "yaml"),
        pytest.param("serializer", object(), id="serializer-object"),
    ],
    ids=repr,
)
def test_a_value_that_does_not_fit_names_its_option(name: str, given: Any) -> None:
    """The error says which option, and is a ConfigurationError."""
    with pytest.raises(ConfigurationError, match=f"option {name}\\b"):
        parse({name: given})


def test_the_defaults_are_those_of_the_documentation() -> None:
    """No option given is every default."""
    options = parse({})
    assert Options() == options
    assert ("sessions", "id", None, None) == (
        options.table_name,
        options.hash_key,
        options.sort_key,
        options.prefix,
    )
    assert ("expires", True, True) == (
        options.ttl_attribute,
        options.create_table,
        options.consistent_read,
    )
    assert (1.0, 2.0, 3) == (
        options.connect_timeout,
        options.read_timeout,
        options.max_attempts,
    )
    assert not options.provisioned


@pytest.mark.parametrize(
    "given",
    [{"read_capacity_units": 1}, {"write_capacity_units": "1"}],
    ids=str,
)
def test_capacity_units_mean_provisioned(given: dict[str, Any]) -> None:
    """Setting either capacity is enough."""
    assert parse(given).provisioned


@pytest.mark.parametrize(
    ("unknown", "closest"),
    [
        ("table_nam", "table_name"),
        ("regoin", "region"),
        ("Prefix", "prefix"),
        ("consistentread", "consistent_read"),
        ("aws_secret_key", "aws_secret_access_key"),
    ],
)
def test_an_unknown_name_is_told_the_closest_one(unknown: str, closest: str) -> None:
    """A misspelt option is an error that knows what was meant."""
    with pytest.raises(ConfigurationError) as caught:
        parse({unknown: "x"})
    assert repr(unknown) in str(caught.value)
    assert repr(closest) in str(caught.value)


def test_an_unknown_name_like_no_other_is_told_them_all() -> None:
    """An option that resembles none gets the list."""
    with pytest.raises(ConfigurationError, match=r"'zzzzzz'.*known are .*table_name"):
        parse({"zzzzzz": 1})


@pytest.mark.parametrize(("alias", "name"), [("table", "table_name"), ("region", "region_name")])
def test_an_alias_is_the_option(alias: str, name: str) -> None:
    """Both names set it; both at once must agree."""
    assert "one-two" == getattr(parse({alias: "one-two"}), name)
    assert "one-two" == getattr(parse({alias: "one-two", name: "one-two"}), name)
    with pytest.raises(ConfigurationError, match=f"option {name} is set twice"):
        parse({alias: "one-two", name: "three"})


@pytest.mark.parametrize(
    "name", [*sorted(IGNORED_OPTIONS), "session.type", "cache.data_dir", "beaker.session.key"]
)
def test_what_beaker_passes_through_is_let_by(name: str) -> None:
    """Names that Beaker, pyramid_beaker and Paste hand to every backend mean nothing here."""
    assert Options() == parse({name: object()})


@pytest.mark.parametrize("name", ["table_name", "client", "endpoint_url", "timeout", "url"])
def test_none_and_the_empty_text_are_not_set(name: str) -> None:
    """An option that is None, or empty in an INI file, has its default."""
    assert Options() == parse({name: None})
    assert Options() == parse({name: ""})


def test_an_empty_prefix_is_a_prefix() -> None:
    """Unlike a prefix of None, which is the default."""
    assert "" == parse({"prefix": ""}).prefix
    assert parse({"prefix": None}).prefix is None


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({"hash_key": "data"}, "data"),
        ({"sort_key": "type"}, "type"),
        ({"ttl_attribute": "deadline"}, "deadline"),
        ({"ttl_attribute": "id"}, "id"),
        ({"sort_key": "id"}, "id"),
        ({"sort_key": "expires"}, "expires"),
        ({"hash_key": "namespace"}, "namespace"),
    ],
    ids=str,
)
def test_two_attributes_cannot_have_one_name(given: dict[str, Any], name: str) -> None:
    """A key, the expiry and what an item itself is made of are told apart."""
    with pytest.raises(ConfigurationError, match=f"{name!r} is already"):
        parse(given)


def test_secrets_are_masked() -> None:
    """A repr names what was set, without what must stay secret."""
    given = dict.fromkeys(SECRETS, "hush-hush")
    shown = repr(parse({**given, "table_name": "mine"}))
    assert "table_name='mine'" in shown
    assert "hush" not in shown
    for name in SECRETS:
        assert f"{name}=***" in shown


@pytest.mark.parametrize("name", SECRETS)
def test_an_error_does_not_tell_a_secret(name: str) -> None:
    """Neither a value that does not fit nor two that disagree are shown."""
    with pytest.raises(ConfigurationError) as caught:
        parse({name: ["hush-hush"]})
    assert "hush" not in str(caught.value)


def test_every_option_is_in_the_table_of_the_readme() -> None:
    """Name, default and a sentence for each."""
    rows = option_rows()
    assert len(Options.__dataclass_fields__) == len(rows)
    assert all(name and default and text for name, default, text in rows)
    assert ("`table_name` or `table`", "`sessions`", "Table name or ARN.") in rows
