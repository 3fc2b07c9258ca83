"""Calls with arbitrary session ids, namespaces and keys stay within their namespace."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beaker_dynamodb import DynamoDBNamespaceManager
from beaker_dynamodb.items.keys import key_bytes
from tests.chaos.inputs import FUZZ, TEXTS, keys_sent, namespace_of
from tests.opening import payload
from tests.servers.endpoint import DynamoDBClient
from tests.servers.recorder import CallRecorder

PREFIXES = st.sampled_from([None, "", "app", "app:two"])
KEYS = TEXTS | st.binary()
#: Longer names are replaced by a digest in the key.
MAX_NAME_BYTES = 230


@pytest.mark.full
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
