"""The creation lock in a process that forks."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from types import SimpleNamespace

import pytest

from beaker_dynamodb import DynamoDBNamespaceManager
from beaker_dynamodb.caches.lock_registry import LockRegistry
from beaker_dynamodb.dynamodb import forks
from tests.caches.conftest import Options

PROGRAM = """
import json, os, sys, threading
from beaker_dynamodb import DynamoDBNamespaceManager

options = json.loads(sys.argv[1])
namespace = DynamoDBNamespaceManager("news", **options)
mine, other = namespace.get_creation_lock(b"mine"), namespace.get_creation_lock(b"other")
mine.acquire()

# Another thread holds the other lock during the fork, and exists in the parent only.
held, go_on = threading.Event(), threading.Event()

def hold():
    other.acquire()
    held.set()
    go_on.wait()
    other.release()

thread = threading.Thread(target=hold)
thread.start()
held.wait()
child = os.fork()
if not child:
    mine.release()
    assert not namespace.get_creation_lock(b"mine").acquire(wait=False)
    assert not other.acquire(wait=False)
    third = namespace.get_creation_lock(b"third")
    assert third.acquire(wait=False)
    third.release()
    assert "beaker-dynamodb" in [thread.name for thread in threading.enumerate()]
    os._exit(0)
assert (child, 0) == os.waitpid(child, 0)
go_on.set()
thread.join()
assert not mine.lost
mine.release()
assert namespace.get_creation_lock(b"mine").acquire(wait=False)
assert other.acquire(wait=False)
"""


def test_a_child_does_not_hold_its_parents_locks(options: Options) -> None:
    # Python 3.12 warns about a fork with threads.
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", PROGRAM]
    done = subprocess.run([*command, json.dumps(options)], capture_output=True, text=True)
    assert (done.stderr, done.returncode) == ("", 0)


def test_a_fork_in_c_is_noticed_when_a_lock_is_requested(
    options: Options, registry: LockRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager = DynamoDBNamespaceManager("news", **options)
    lock = manager.get_creation_lock(b"key")
    lock._holder = -1  # a thread of the parent
    registry.heartbeat._thread = threading.Thread()
    registry._mutex.acquire()
    with monkeypatch.context() as patch:
        patch.setattr(forks, "os", SimpleNamespace(getpid=lambda: -1))
        assert manager.get_creation_lock(b"key") is lock
        assert lock.acquire(wait=False)
    forks.check_process()
    assert not lock.lost
    assert vars(registry.heartbeat)["_thread"] is None
