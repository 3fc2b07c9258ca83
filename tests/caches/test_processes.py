"""Real processes that get one value: one computes it, and a killed one is replaced."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from beaker_dynamodb import DynamoDBNamespaceManager
from tests.beaker import items, used_client
from tests.caches.conftest import Options

pytestmark = pytest.mark.full

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


def test_one_of_two_processes_computes_a_missing_value(
    options: Options, start: Callable[..., Worker]
) -> None:
    first, second = start(), start()
    first.go_on()
    assert first.prints() == "computing"
    second.go_on()
    first.go_on()
    assert first.prints() == second.prints() == first.value == stored(options)


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
