"""Processes that want one value: who makes it, who waits, and what if a holder dies or stops."""

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
from typing import TYPE_CHECKING, Any

import pytest
from beaker.cache import Cache

from beaker_dynamodb import DynamoDBNamespaceManager
from tests.beaker import items, used_client

if TYPE_CHECKING:
    from tests.servers.endpoint import Endpoint

ROOT = Path(__file__).parent.parent.parent
PROCESSES, THREADS = 4, 8
LOCK = "cache:|lock|news|key"


class Worker:
    """A process that runs `tests.locks.worker`.

    :param said: gets what every worker says: the worker and the words.
    """

    def __init__(self, arguments: object, said: Queue[tuple[Worker, list[str]]]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.locks.worker", json.dumps(arguments)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.value = f"made by {self._process.pid}"
        self._said = said
        self._listener = Thread(target=self._listen)
        self._listener.start()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._said.put((self, line.split()))
        self._said.put((self, ["ended"]))

    def tell(self) -> None:
        """Give the word for the next step: go, then finish."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        self._process.send_signal(number)

    def close(self) -> None:
        """End it, whatever state it is in."""
        self._process.kill()
        self._listener.join()
        self._process.communicate()


class Stage:
    """The workers of a test, and what they said.

    :param options: of the cache.
    :param stack: closes the workers.
    """

    def __init__(self, options: dict[str, Any], stack: ExitStack) -> None:
        self.options = options
        self._stack = stack
        self._said: Queue[tuple[Worker, list[str]]] = Queue()
        self.heard: list[tuple[Worker, list[str]]] = []

    def worker(self, threads: int = 1, expire: int | None = None) -> Worker:
        """Start one that is ready to go."""
        worker = Worker([threads, expire, self.options], self._said)
        self._stack.callback(worker.close)
        self.until("ready", by=worker)
        return worker

    def until(self, word: str, times: int = 1, by: Worker | None = None) -> Worker:
        """Listen until a word was said so often, and give who said it last."""
        while len(found := self.said(word, by)) < times:
            worker, words = self._said.get()
            self.heard.append((worker, words))
            early = words == ["ended"] and not self.said("calls", worker)
            assert not (early and by in (None, worker)), f"a worker ended before {word!r}"
        return found[-1][0]

    def said(self, word: str, by: Worker | None = None) -> list[tuple[Worker, list[str]]]:
        """Give what was said that begins with a word."""
        return [
            (worker, words)
            for worker, words in self.heard
            if words[0] == word and by in (None, worker)
        ]

    def values(self) -> list[str]:
        """Give the values that were got, sorted."""
        return sorted(" ".join(words[1:]) for _, words in self.said("got"))

    def calls(self) -> list[str]:
        """Give the operations of all calls."""
        return [operation for _, words in self.said("calls") for operation in words[1:]]

    def stored(self) -> Any:
        """Give the value in the table."""
        return DynamoDBNamespaceManager("news", **self.options)[b"key"][2]

    def items(self) -> dict[str, dict[str, Any]]:
        """Give the items of the table, by their keys."""
        return items(used_client(self.options), self.options["table_name"])


#: Makes a stage, with further options.
MakeStage = Callable[..., Stage]


@pytest.fixture
def make_stage(local_endpoint: Endpoint, table_name: str) -> Iterator[MakeStage]:
    """A factory of stages, on a table that is there; their workers end with the test."""
    with ExitStack() as stack:

        def make(**more: object) -> Stage:
            options = {"table_name": table_name, **local_endpoint.options, **more}
            assert b"key" not in DynamoDBNamespaceManager("news", **options)
            return Stage(options, stack)

        yield make


def test_cold(make_stage: MakeStage) -> None:
    """Of 4 processes with 8 threads each that miss one value, one caller makes it, for all."""
    stage = make_stage()
    workers = [stage.worker(THREADS) for _ in range(PROCESSES)]
    for worker in workers:
        worker.tell()
    stage.until("asking", PROCESSES * THREADS)
    maker = stage.until("creating")
    for worker in workers:
        worker.tell()
    stage.until("calls", PROCESSES)
    assert [maker.value] * PROCESSES * THREADS == stage.values()
    assert 1 == len(stage.said("creating"))
    assert LOCK not in stage.items()


def test_stale(make_stage: MakeStage) -> None:
    """On an expired value one caller makes the new one, and all others have the old one first."""
    stage = make_stage(stale_grace=3600)
    now = time.time()
    past = DynamoDBNamespaceManager("news", clock=lambda: now - 100, **stage.options)
    past.set_value(b"key", (now - 100, 60, "old"), expiretime=60)
    workers = [stage.worker(THREADS, expire=60) for _ in range(PROCESSES)]
    for worker in workers:
        worker.tell()

    # The value is not finished, and so everybody who is answered is answered without it.
    others = PROCESSES * THREADS - 1
    stage.until("got", others)
    assert ["old"] * others == stage.values()

    maker = stage.until("creating")
    for worker in workers:
        worker.tell()
    stage.until("calls", PROCESSES)
    assert [maker.value, *["old"] * others] == stage.values()
    assert 1 == len(stage.said("creating"))
    assert others + 2 == stage.calls().count("GetItem")
    assert 1 == stage.calls().count("DeleteItem")
    assert maker.value == stage.stored()


def test_killed(make_stage: MakeStage, record_property: Callable[[str, object], None]) -> None:
    """When the process that makes a value is killed, another one makes it."""
    stage = make_stage(lock_timeout=4)
    first, second = stage.worker(), stage.worker()
    first.tell()
    stage.until("creating", by=first)
    second.tell()
    stage.until("asking", by=second)

    first.send(signal.SIGKILL)
    killed = time.monotonic()
    stage.until("creating", by=second)
    record_property("seconds from the kill to the takeover", time.monotonic() - killed)

    second.tell()
    stage.until("calls", by=second)
    assert [second.value] == stage.values()
    assert second.value == stage.stored()


@pytest.mark.parametrize("remove", [Cache.clear, lambda cache: cache.remove_value("key")])
@pytest.mark.parametrize("shape", [{}, {"sort_key": "part"}], ids=["hash only", "sorted"])
def test_what_another_process_removes_does_not_come_back(
    make_stage: MakeStage, remove: Callable[[Cache], None], shape: dict[str, str]
) -> None:
    stage = make_stage(**shape)
    maker = stage.worker()
    maker.tell()
    stage.until("creating", by=maker)
    remove(Cache("news", "ext:dynamodb", **stage.options))
    maker.tell()
    stage.until("calls", by=maker)
    assert [maker.value] == stage.values()
    assert b"key" not in DynamoDBNamespaceManager("news", **stage.options)


@pytest.fixture
def stopped(make_stage: MakeStage) -> tuple[Stage, Worker, Worker]:
    """A holder that was stopped while it made the value, and another that took over."""
    stage = make_stage(lock_timeout=6)
    first, second = stage.worker(), stage.worker()
    first.tell()
    stage.until("creating", by=first)
    first.send(signal.SIGSTOP)
    second.tell()
    stage.until("creating", by=second)
    return stage, first, second


def test_stopped_during(stopped: tuple[Stage, Worker, Worker]) -> None:
    """A holder that goes on late does not free the lock of the one that took over."""
    stage, first, second = stopped
    owner = stage.items()[LOCK]["owner"]

    first.send(signal.SIGCONT)
    first.tell()
    stage.until("calls", by=first)

    assert owner == stage.items()[LOCK]["owner"]
    second.tell()
    stage.until("calls", by=second)
    assert second.value == stage.stored()
    assert LOCK not in stage.items()


def test_stopped_after(stopped: tuple[Stage, Worker, Worker]) -> None:
    """A holder that goes on late does not replace what the one that took over has made."""
    stage, first, second = stopped
    second.tell()
    stage.until("calls", by=second)
    first.send(signal.SIGCONT)
    first.tell()
    stage.until("calls", by=first)
    assert sorted([first.value, second.value]) == stage.values()
    assert second.value == stage.stored()
