"""Special keys of any value: attributes that DynamoDB takes, or an error that names the key."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beaker_dynamodb import SpecialKeyError
from beaker_dynamodb.config import parse
from beaker_dynamodb.storage.special import SpecialKeys
from tests.chaos.inputs import FUZZ, TEXTS

NAMES = ["userId", "user", "user.id", "logins", "admin", "größe"]
TYPES = st.sampled_from(["S", "N", "B", "BOOL"])
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.decimals(),
        TEXTS,
        st.binary(max_size=20),
        st.sampled_from([10**126, Decimal("1E-131"), bytearray(b"a"), "x" * 3000, b"x" * 3000]),
    ),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(NAMES), inner),
    max_leaves=4,
)


@pytest.mark.full
@FUZZ
@given(
    types=st.dictionaries(st.sampled_from(NAMES), TYPES, min_size=1),
    indexed=st.booleans(),
    skip=st.booleans(),
    session=st.dictionaries(st.sampled_from(NAMES), VALUES),
)
def test_any_special_key(
    types: dict[str, str], indexed: bool, skip: bool, session: dict[str, Any]
) -> None:
    """Each attribute has its declared type; what does not fit is a SpecialKeyError."""
    options: dict[str, Any] = {"special_keys": types, "skip_throw_missing_special_keys": skip}
    if indexed:
        options["index_keys"] = [name for name, kind in types.items() if kind != "BOOL"]
    attributes: Any = {}
    refused: SpecialKeyError | None = None
    try:
        attributes = SpecialKeys(parse(options)).attributes(session)
    except SpecialKeyError as error:
        refused = error
    assert refused is None or types[refused.key] == refused.type
    assert refused or skip or set(attributes) == set(types)
    for name, attribute in attributes.items():
        ((kind, content),) = attribute.items()
        assert types[name] == kind
        expected = {"S": "str", "N": "str", "B": "bytes", "BOOL": "bool"}[kind]
        assert expected == type(content).__name__
        if kind == "N":
            assert len(Decimal(content).normalize().as_tuple().digits) <= 38
