"""DynamoDB accepts special keys with arbitrary values, or an error names the key."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beaker_dynamodb import DynamoDBNamespaceManager, SpecialKeyError
from beaker_dynamodb.config.parse import parse
from beaker_dynamodb.items.special_keys import SpecialKeys
from tests.chaos.inputs import FUZZ, NUMBERS, TEXTS
from tests.servers.endpoint import DynamoDBClient, Endpoint

TYPES = {"userId": "S", "user.id": "S", "user": "S", "logins": "N", "größe": "B", "admin": "BOOL"}
INDEXED = [name for name, kind in TYPES.items() if kind != "BOOL"]
TABLES = {False: "fuzzed-special-keys", True: "fuzzed-index-keys"}
FITTING: dict[str, st.SearchStrategy[Any]] = {
    "S": TEXTS,
    "N": st.integers() | st.floats() | st.decimals() | NUMBERS.map(Decimal),
    "B": st.binary(max_size=20) | st.sampled_from([bytearray(b"a"), b"x" * 3000]),
    "BOOL": st.booleans(),
}
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.one_of(*FITTING.values()) | st.sampled_from([10**126, Decimal("1E-131")]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from([*TYPES]), inner),
    max_leaves=4,
)
#: Most values are of the key's type.
SESSIONS = st.fixed_dictionaries(
    {}, optional={name: FITTING[kind] | FITTING[kind] | VALUES for name, kind in TYPES.items()}
)


def with_indexes(types: dict[str, str], indexed: bool) -> dict[str, str]:
    return {
        name: f"{kind}:index" if indexed and name in INDEXED else kind
        for name, kind in types.items()
    }


@pytest.fixture(scope="module")
def tables(local_endpoint: Endpoint) -> Iterator[DynamoDBClient]:
    """DynamoDB Local with two tables: one without indexes, one with all possible indexes.

    moto accepts values that DynamoDB rejects.
    """
    client = local_endpoint.client
    for indexed, name in TABLES.items():
        manager = DynamoDBNamespaceManager(
            "any", client=client, table_name=name, special_keys=with_indexes(TYPES, indexed)
        )
        assert b"nothing" not in manager  # creates the table
    yield client
    for name in TABLES.values():
        client.delete_table(TableName=name)


@pytest.mark.full
@FUZZ
@given(
    names=st.sets(st.sampled_from([*TYPES]), min_size=1),
    indexed=st.booleans(),
    skip=st.booleans(),
    session=SESSIONS,
)
def test_special_keys_are_stored_as_their_type_or_rejected(
    tables: DynamoDBClient, names: set[str], indexed: bool, skip: bool, session: dict[str, Any]
) -> None:
    types = {name: TYPES[name] for name in names}
    options: dict[str, Any] = {
        "special_keys": with_indexes(types, indexed),
        "skip_throw_missing_special_keys": skip,
    }
    rejected: SpecialKeyError | None = None
    try:
        attributes = SpecialKeys(parse(options)).attributes(session)
    except SpecialKeyError as error:
        rejected = error
    if rejected is not None:
        assert types[rejected.key] == rejected.type
        return
    assert skip or set(attributes) == set(types)
    item: dict[str, Any] = {"id": {"S": "any"}, **attributes}
    tables.put_item(TableName=TABLES[indexed], Item=item)
    found = tables.get_item(TableName=TABLES[indexed], Key={"id": {"S": "any"}})["Item"]
    assert {"id": "S"} | {name: types[name] for name in attributes} == {
        name: kind for name, value in found.items() for kind in value
    }
