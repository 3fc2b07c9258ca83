"""Forks: what belongs to the parent process is forgotten in the child."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from beaker_dynamodb import DynamoDBNamespaceManager
from beaker_dynamodb.caches import creation_lock as lock_module
from beaker_dynamodb.caches import lease, lock_registry
from beaker_dynamodb.dynamodb import forks
from beaker_dynamodb.sessions import combined_saves
from tests.unit.test_client import OFFLINE


@pytest.fixture
def child(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    """The process, by the name under which `forks` asks for its id."""
    process = SimpleNamespace(id=-1)
    with monkeypatch.context() as patch:
        yield SimpleNamespace(
            begins=lambda: patch.setattr(forks, "os", SimpleNamespace(getpid=lambda: process.id))
        )
    forks.check_process()


def test_a_fork_that_python_knows_nothing_of(child: SimpleNamespace) -> None:
    """UWSGI forks in C: the first use of anything in the child notices, and the later do not."""
    manager = DynamoDBNamespaceManager("id", **OFFLINE)
    client, heart, turns = manager.client, lease.heart, combined_saves._registry
    child.begins()
    mine = manager.client
    assert mine is not client
    assert lease.heart is not heart
    assert isinstance(lease.heart, lease.Heart)
    assert combined_saves._registry is not turns
    assert mine is manager.client


def test_a_lock_is_asked_for_first(child: SimpleNamespace) -> None:
    """A creation lock that a thread of the parent holds is free in the child."""
    manager = DynamoDBNamespaceManager("news", **OFFLINE)
    lock = manager.get_creation_lock(b"k")
    lock._turn_of = -1
    lock_registry._registry.acquire()
    lock_module._watching.acquire()
    child.begins()
    assert lock is manager.get_creation_lock(b"k")
    assert lock_module._watching.acquire(blocking=False)
    lock_module._watching.release()
    assert lock._turn_of is None
