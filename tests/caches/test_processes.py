"""Real processes that get one value: one computes it, others wait, and a killed one is replaced."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import Any

import pytest

from beaker_dynamodb import DynamoDBNamespaceManager
from tests.beaker import items, used_client

pytestmark = pytest.mark.full

ROOT = Path(__file__).parent.parent.parent
PROCESSES, THREADS = 2, 6
LOCK = "cache:|lock|news|key"
Said = Queue[tuple["Worker", list[str]]]


class Worker:
    """A process that runs `tests.caches.worker`.

    :param said: receives what the worker prints, split into words.
    """

    def __init__(self, arguments: object, said: Said) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.caches.worker", json.dumps(arguments)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.value = f"value of {self._process.pid}"
        self.send_signal = self._process.send_signal
        self._said = said
        self._listener = Thread(target=self._listen)
        self._listener.start()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._said.put((self, line.split()))
        self._said.put((self, ["ended"]))

    def go_on(self) -> None:
        """Signal the worker to start, and the second time to finish its value."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def close(self) -> None:
        """Kill the process."""
        self._process.kill()
        self._listener.join()
        self._process.communicate()


class Stage:
    """The workers of a test, and what they printed."""

    def __init__(self, options: dict[str, Any], stack: ExitStack) -> None:
        self.options = options
        self._stack = stack
        self._queue: Said = Queue()
        self._said: list[tuple[Worker, list[str]]] = []

    def start(self, threads: int = 1, expire: int | None = None) -> Worker:
        worker = Worker([threads, expire, self.options], self._queue)
        self._stack.callback(worker.close)
        return worker

    def until(self, word: str, times: int = 1, by: Worker | None = None) -> Worker:
        """Wait until a word was printed ``times`` times; return the last worker that printed it."""
        while len(found := self.said(word, by)) < times:
            worker, words = self._queue.get()
            self._said.append((worker, words))
            early = words == ["ended"] and not self.said("calls", worker)
            assert not (early and by in (None, worker)), f"a worker ended before {word!r}"
        return found[-1][0]

    def said(self, word: str, by: Worker | None = None) -> list[tuple[Worker, list[str]]]:
        """Return what was printed that starts with a word."""
        return [
            (worker, words)
            for worker, words in self._said
            if words[0] == word and by in (None, worker)
        ]

    def values(self) -> list[str]:
        """Return the values that threads got, sorted."""
        return sorted(" ".join(words[1:]) for _, words in self.said("got"))

    def stored(self) -> Any:
        """Return the value in the table."""
        return DynamoDBNamespaceManager("news", **self.options)[b"key"][2]

    def lock(self) -> dict[str, Any] | None:
        """Return the lock item."""
        table: str = self.options["table_name"]
        return items(used_client(self.options), table).get(LOCK)


#: Creates a stage with these additional options.
MakeStage = Callable[..., Stage]


@pytest.fixture
def make_stage(options: dict[str, Any]) -> Iterator[MakeStage]:
    with ExitStack() as stack:

        def make(**more: object) -> Stage:
            assert b"key" not in DynamoDBNamespaceManager("news", **options, **more)
            return Stage({**options, **more}, stack)

        yield make


def test_one_thread_of_all_processes_computes_a_missing_value(make_stage: MakeStage) -> None:
    stage = make_stage()
    workers = [stage.start(THREADS) for _ in range(PROCESSES)]
    stage.until("ready", PROCESSES)
    for worker in workers:
        worker.go_on()
    stage.until("asking", PROCESSES * THREADS)
    computing = stage.until("computing")
    for worker in workers:
        worker.go_on()
    stage.until("calls", PROCESSES)
    assert stage.values() == [computing.value] * PROCESSES * THREADS
    assert len(stage.said("computing")) == 1
    assert stage.lock() is None


def test_all_other_threads_get_the_stale_value_at_once(make_stage: MakeStage) -> None:
    stage = make_stage(stale_grace=3600)
    now = time.time()
    past = DynamoDBNamespaceManager("news", clock=lambda: now - 100, **stage.options)
    past.set_value(b"key", (now - 100, 60, "old"), expiretime=60)
    workers = [stage.start(THREADS, expire=60) for _ in range(PROCESSES)]
    stage.until("ready", PROCESSES)
    for worker in workers:
        worker.go_on()
    others = PROCESSES * THREADS - 1
    stage.until("got", others)  # while the value is still being computed
    assert stage.values() == ["old"] * others
    computing = stage.until("computing")
    for worker in workers:
        worker.go_on()
    stage.until("calls", PROCESSES)
    assert stage.values() == sorted([computing.value, *["old"] * others])
    assert len(stage.said("computing")) == 1
    calls = [operation for _, words in stage.said("calls") for operation in words[1:]]
    assert calls.count("GetItem") == others + 2
    assert calls.count("DeleteItem") == 1
    assert stage.stored() == computing.value


@pytest.mark.parametrize("end", ["killed", "stopped"])
def test_another_process_takes_over_from_one_that_does_not_renew(
    make_stage: MakeStage, end: str
) -> None:
    stage = make_stage(lock_timeout=2)
    first, second = stage.start(), stage.start()
    stage.until("ready", 2)
    first.go_on()
    stage.until("computing", by=first)
    first.send_signal(signal.SIGKILL if end == "killed" else signal.SIGSTOP)
    second.go_on()
    stage.until("computing", by=second)
    second.go_on()
    stage.until("calls", by=second)
    expected = [second.value]
    if end == "stopped":  # a late value replaces no other value
        first.send_signal(signal.SIGCONT)
        first.go_on()
        stage.until("calls", by=first)
        expected.append(first.value)
    assert stage.values() == sorted(expected)
    assert stage.stored() == second.value
    assert stage.lock() is None
