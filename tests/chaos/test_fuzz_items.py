"""Items with arbitrary attributes are read as a value or raise a package exception."""

from __future__ import annotations

import pickle
import zlib
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beaker_dynamodb import DynamoDBError, DynamoDBNamespaceManager
from beaker_dynamodb.caches.lock_items import LockItem, LockItems
from tests.chaos.inputs import ATTRIBUTES, FUZZ, keys_sent
from tests.clock import Clock
from tests.opening import payload
from tests.servers.endpoint import Endpoint
from tests.servers.recorder import CallRecorder

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


@pytest.mark.full
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
