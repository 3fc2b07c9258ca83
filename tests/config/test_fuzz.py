"""Any settings make a manager or raise ConfigurationError, and show no secret."""

from __future__ import annotations

from dataclasses import fields
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beaker_dynamodb import ConfigurationError, DynamoDBNamespaceManager
from beaker_dynamodb.config.options import Options
from tests.chaos.inputs import FUZZ

SECRET = "hush-hush-hush-hush"
NAMES = st.sampled_from([spec.name for spec in fields(Options)]) | st.text(max_size=12)
WORDS = ["true", "0", "-1", "1e400", "nan", "1800", "off", "zstd", "json", "migrate", "a,b", SECRET]
VALUES = st.text(st.characters(exclude_categories=()), max_size=30) | st.sampled_from(WORDS)
ENCODED = VALUES.map(lambda value: quote(value, errors="replace"))
QUERIES = st.lists(st.tuples(NAMES, ENCODED).map("=".join), max_size=3).map("&".join)
URLS = st.text(max_size=40) | st.builds(
    "{}://{}/{}?{}".format,
    st.sampled_from(["dynamodb", "redis", ""]),
    st.text(max_size=10) | st.sampled_from(["eu-west-1", "[", "a:b@c", "[::1"]),
    st.text(max_size=10),
    QUERIES | st.text(max_size=20),
)
GIVEN = st.dictionaries(NAMES, VALUES | st.none(), max_size=4) | URLS.map(lambda url: {"url": url})


@pytest.mark.full
@FUZZ
@given(given=GIVEN)
def test_any_settings(given: dict[str, str | None]) -> None:
    given.pop("namespace", None)
    options = {**given, "aws_secret_access_key": SECRET, "signing_keys": SECRET}
    if any(SECRET in str(value) for value in given.values()):
        # The same string is not a secret elsewhere.
        del options["aws_secret_access_key"], options["signing_keys"]
    try:
        manager = DynamoDBNamespaceManager("pages", **options)
    except ConfigurationError as error:
        shown = str(error)
    else:
        shown = repr(manager.backend.options)
    if "signing_keys" in options:
        assert SECRET not in shown
