"""Arbitrary keys, items, special keys and settings: values or package errors, and nothing else."""

from __future__ import annotations

import pickle
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import fields
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beaker_dynamodb import (
    ConfigurationError,
    DynamoDBError,
    DynamoDBNamespaceManager,
    SpecialKeyError,
)
from beaker_dynamodb.caches.lock_items import LockItem, LockItems
from beaker_dynamodb.config.options import Options
from beaker_dynamodb.config.parse import parse
from beaker_dynamodb.items.keys import key_bytes
from beaker_dynamodb.items.special_keys import SpecialKeys
from tests.chaos.inputs import ATTRIBUTES, FUZZ, NUMBERS, TEXTS, keys_sent, namespace_of
from tests.clock import Clock
from tests.opening import payload
from tests.servers.endpoint import DynamoDBClient, Endpoint
from tests.servers.recorder import CallRecorder

pytestmark = pytest.mark.full

PREFIXES = st.sampled_from([None, "", "app", "app:two"])
KEYS = TEXTS | st.binary()
#: Longer names are replaced by a digest in the key.
MAX_NAME_BYTES = 230


@FUZZ
@given(prefix=PREFIXES, namespace=TEXTS, key=KEYS)
def test_every_method_only_accesses_its_own_namespace(
    here: DynamoDBClient, prefix: str | None, namespace: str, key: str | bytes
) -> None:
    manager = DynamoDBNamespaceManager(
        namespace, client=here, table_name="fuzzed-keys", prefix=prefix
    )
    session = key == "session"
    value = payload(a=1) if session else "value"
    with CallRecorder(here) as calls:
        assert key not in manager
        manager[key] = value
        assert key in manager
        assert value == manager[key]
        if not session:
            assert [key_bytes(key)] == manager.keys()
            lock = manager.get_creation_lock(key)
            assert lock.acquire(wait=False)
            lock.release()
        del manager[key]
        assert key not in manager
    kind = "sess:" if session else "cache:"
    expected = kind if prefix is None else prefix and prefix + ":"
    for sent in keys_sent(calls):
        name = namespace_of(sent, expected)
        if name.startswith(b"%#") or len(key_bytes(namespace)) > MAX_NAME_BYTES:
            name = sent.get("namespace", {"B": key_bytes(namespace)})["B"]
        assert key_bytes(namespace) == name
        assert len(sent["id"]["S"].encode()) <= 2048


TABLE = "fuzzed-items"
NAMES = [
    *("type", "data", "codec", "created", "deadline", "grace", "accessed", "version", "writer"),
    *("signature", "chunk_set", "chunks", "expires", "namespace", "key", "owner", "lease", "more"),
]
CODECS = ["b64", "nonce+b64", "text", "pickle", "json", "object", "object-str"]
CODECS += [f"{codec}{step}" for codec in CODECS for step in (",zlib", ",zstd", ",of the future")]
PICKLES = [pickle.dumps(value, 5) for value in (1, "a", (1.0, 2.0, "a"), {"a": [1]})]
BYTES = st.sampled_from([b"", b"{", b"\xff", b"[1]", *PICKLES]) | st.binary(max_size=40)
DAMAGES = st.fixed_dictionaries(
    {},
    optional={
        **{name: ATTRIBUTES | st.none() for name in NAMES},
        "codec": st.sampled_from(CODECS).map(lambda codec: {"S": codec}) | ATTRIBUTES,
        "data": (BYTES | BYTES.map(zlib.compress)).map(lambda data: {"B": data}) | ATTRIBUTES,
        "chunks": st.sampled_from(["1", "200", "201", "-1", "1.5"]).map(lambda n: {"N": n}),
    },
)


@FUZZ
@given(damage=DAMAGES, kind=st.sampled_from(["cache", "session", "lock"]), bare=st.booleans())
def test_damaged_items_raise_package_exceptions_and_can_be_replaced(
    local_endpoint: Endpoint, damage: dict[str, Any], kind: str, bare: bool
) -> None:
    client = local_endpoint.client  # moto cannot compare a string with a number
    options = {"client": client, "table_name": TABLE, "clock": Clock(4e9)}
    manager = DynamoDBNamespaceManager("pages", **options)
    key: str | bytes = "session" if kind == "session" else b"k"
    value = payload(a=1) if kind == "session" else "value"
    if kind == "lock":
        lock = manager.get_creation_lock(key)
        assert lock.acquire(wait=False)
    else:
        manager[key] = value
    (item,) = client.scan(TableName=TABLE)["Items"]
    kept = {"id": item["id"]} if bare else item
    damaged = {**kept, **damage, "id": item["id"]}
    try:
        client.put_item(
            TableName=TABLE, Item={name: content for name, content in damaged.items() if content}
        )
        with CallRecorder(client) as calls:
            use_lock(manager) if kind == "lock" else use(options, key, value)
        for sent in keys_sent(calls):
            text = sent["id"]["S"]
            assert text == item["id"]["S"] or text.startswith(("cache:|chunk|", "sess:|chunk|"))
    finally:
        if kind == "lock":
            lock.release()
        for left in client.scan(TableName=TABLE)["Items"]:
            client.delete_item(TableName=TABLE, Key={"id": left["id"]})


def use(options: dict[str, Any], key: str | bytes, value: str) -> None:
    """Call every method of a manager for a damaged item, and replace the item."""
    manager = DynamoDBNamespaceManager("pages", **options)
    operations: list[Callable[[], object]] = [
        lambda: key in manager,
        lambda: manager[key],
        lambda: manager.set_value(key, payload(b=2) if key == "session" else "other", 60),
        manager.keys,
    ]
    for operation in operations:
        with suppress(KeyError, DynamoDBError):
            operation()
    del manager[key]
    manager[key] = value
    assert value == DynamoDBNamespaceManager("pages", **options)[key]
    manager.remove()


def use_lock(manager: DynamoDBNamespaceManager) -> None:
    """Acquire and read a lock whose item is damaged."""
    items = LockItems(manager.backend.items)
    key = manager.backend.keys.lock("pages", b"k")
    mine = LockItem("me", 1, 30.0)
    operations: list[Callable[[], object]] = [
        lambda: items.acquire(key, mine, None),
        lambda: items.read(key),
    ]
    for operation in operations:
        with suppress(DynamoDBError):
            operation()


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


HUSHED = "hush-hush-hush-hush"
OPTION_NAMES = st.sampled_from([spec.name for spec in fields(Options)]) | st.text(max_size=12)
WORDS = ["true", "0", "-1", "1e400", "nan", "1800", "off", "zstd", "json", "migrate", "a,b", HUSHED]
OPTION_VALUES = st.text(st.characters(exclude_categories=()), max_size=30) | st.sampled_from(WORDS)
ENCODED = OPTION_VALUES.map(lambda value: quote(value, errors="replace"))
QUERIES = st.lists(st.tuples(OPTION_NAMES, ENCODED).map("=".join), max_size=3).map("&".join)
URLS = st.text(max_size=40) | st.builds(
    "{}://{}/{}?{}".format,
    st.sampled_from(["dynamodb", "redis", ""]),
    st.text(max_size=10) | st.sampled_from(["eu-west-1", "[", "a:b@c", "[::1"]),
    st.text(max_size=10),
    QUERIES | st.text(max_size=20),
)
GIVEN = st.dictionaries(OPTION_NAMES, OPTION_VALUES | st.none(), max_size=4) | URLS.map(
    lambda url: {"url": url}
)


@FUZZ
@given(given=GIVEN)
def test_any_settings(given: dict[str, str | None]) -> None:
    given.pop("namespace", None)
    options = {**given, "aws_secret_access_key": HUSHED, "signing_keys": HUSHED}
    if any(HUSHED in str(value) for value in given.values()):
        # The same string is not a secret elsewhere.
        del options["aws_secret_access_key"], options["signing_keys"]
    try:
        manager = DynamoDBNamespaceManager("pages", **options)
    except ConfigurationError as error:
        shown = str(error)
    else:
        shown = repr(manager.backend.options)
    if "signing_keys" in options:
        assert HUSHED not in shown
