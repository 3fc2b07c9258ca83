"""All options in one text: ``dynamodb://REGION/TABLE?option=value&…``."""

from __future__ import annotations

from typing import Any

import pytest

from beaker_dynamodb import ConfigurationError
from beaker_dynamodb.config.parse import parse


@pytest.mark.parametrize(
    ("url", "same"),
    [
        ("dynamodb://eu-west-1/mine", {"region_name": "eu-west-1", "table_name": "mine"}),
        ("dynamodb:///mine", {"table_name": "mine"}),
        ("dynamodb://eu-west-1", {"region_name": "eu-west-1"}),
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
def test_a_url_gives_the_same_as_its_options(url: str, same: dict[str, Any]) -> None:
    """Region, table and query are options."""
    assert parse(same) == parse({"url": url})


def test_an_option_of_its_own_wins_over_the_url() -> None:
    """The url is for what is not said elsewhere."""
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
        "dynamodb:///mine?max_attempts=hush",
        "dynamodb:///mine?prefix=a&prefix=b",
        "dynamodb:///mine?table=other",
    ],
)
def test_a_url_that_cannot_be_is_a_configuration_error(url: str) -> None:
    """What is wrong is said."""
    with pytest.raises(ConfigurationError, match="option"):
        parse({"url": url})


def test_an_unknown_option_in_a_url_is_told_the_closest_one() -> None:
    """As anywhere else."""
    with pytest.raises(ConfigurationError, match="'prefx': did you mean 'prefix'"):
        parse({"url": "dynamodb:///mine?prefx=a"})


@pytest.mark.parametrize(
    "url",
    [
        "dynamodb:///mine?aws_secret_access_key=hush-hush",
        "dynamodb:///mine?aws_secret_access_key=hush-hush&create_table=maybe",
        "dynamodb://key:hush-hush@eu-west-1/mine",
        "mysql://key:hush-hush@eu-west-1/mine",
    ],
)
def test_a_secret_in_a_url_is_not_shown(url: str) -> None:
    """Neither by a repr nor by an error."""
    try:
        shown = repr(parse({"url": url}))
    except ConfigurationError as error:
        shown = str(error)
    assert "hush" not in shown
