"""Fixtures for locks whose clock is moved by hand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from beaker_dynamodb import DynamoDBNamespaceManager
from beaker_dynamodb.caches import creation_lock as lock
from beaker_dynamodb.caches import lease
from beaker_dynamodb.caches.creation_lock import DynamoDBSynchronizer
from tests.beaker import used_client
from tests.locks.elsewhere import Process, Time
from tests.servers.recorder import CallRecorder


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    """The time that locks see; renewals happen when the test says `lease.heart.beat()`."""
    time = Time()
    monkeypatch.setattr(lease, "monotonic", time)
    monkeypatch.setattr(lock, "sleep", time.pause)
    heart = lease.Heart()
    monkeypatch.setattr(heart, "_run", int)
    monkeypatch.setattr(lease, "heart", heart)
    return time


@pytest.fixture
def process(options: dict[str, Any], time: Time) -> Process:
    """A factory of locks on one key, each as if in a process of its own."""
    store = DynamoDBNamespaceManager("news", **options).backend
    return lambda: DynamoDBSynchronizer(store.items, store.keys.lock("news", b"key"))


@pytest.fixture
def sent(options: dict[str, Any], process: Process) -> Iterator[CallRecorder]:
    """The calls made."""
    with CallRecorder(used_client(options)) as recorder:
        yield recorder
