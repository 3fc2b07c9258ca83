"""The option ``url``: ``dynamodb://REGION/TABLE?option=value&…``."""

from __future__ import annotations

from typing import Any

import pytest

from beaker_dynamodb import ConfigurationError
from beaker_dynamodb.config.parse import parse


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
