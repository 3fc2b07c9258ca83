"""Creation locks in real processes: forked ones, one that computes, and one that is killed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from beaker_dynamodb import DynamoDBNamespaceManager
from beaker_dynamodb.caches.lock_registry import LockRegistry
from beaker_dynamodb.dynamodb import forks
from tests.beaker import items, used_client
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


ROOT = Path(__file__).parent.parent.parent
LOCK = "cache:|lock|news|key"


class Worker:
    """A process that runs `tests.caches.worker`."""

    def __init__(self, options: Options) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.caches.worker", json.dumps(options)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.value = f"value of {self.process.pid}"

    def go_on(self) -> None:
        """Signal the worker to start, and the second time to finish its value."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def prints(self) -> str:
        """Wait for the next line, and return it."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().rstrip()

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def start(options: Options) -> Iterator[Callable[..., Worker]]:
    """Starts a worker with more options."""
    with ExitStack() as stack:

        def start(**extra: float) -> Worker:
            worker = Worker({**options, **extra})
            stack.callback(worker.close)
            return worker

        assert b"key" not in DynamoDBNamespaceManager("news", **options)
        yield start


def stored(options: Options) -> Any:
    """Return the value in the table, which has no lock."""
    assert LOCK not in items(used_client(options), options["table_name"])
    return DynamoDBNamespaceManager("news", **options)[b"key"][2]


@pytest.mark.full
def test_one_of_two_processes_computes_a_missing_value(
    options: Options, start: Callable[..., Worker]
) -> None:
    first, second = start(), start()
    first.go_on()
    assert first.prints() == "computing"
    second.go_on()
    first.go_on()
    assert first.prints() == second.prints() == first.value == stored(options)


@pytest.mark.full
@pytest.mark.parametrize("end", ["killed", "stopped"])
def test_another_process_takes_over_from_one_that_does_not_renew(
    options: Options, start: Callable[..., Worker], end: str
) -> None:
    first, second = start(lock_timeout=2), start(lock_timeout=2)
    first.go_on()
    assert first.prints() == "computing"
    first.process.send_signal(signal.SIGKILL if end == "killed" else signal.SIGSTOP)
    second.go_on()
    assert second.prints() == "computing"
    second.go_on()
    assert second.prints() == second.value
    if end == "stopped":  # a late value replaces no other value
        first.process.send_signal(signal.SIGCONT)
        first.go_on()
        assert first.prints() == first.value
    assert stored(options) == second.value
