"""The option `reap_interval`: one thread per process, which disturbs nothing."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from typing import Any

import pytest

from beaker_dynamodb.backend import backend_for
from beaker_dynamodb.items import background_reaper
from tests.clock import Clock
from tests.opening import Opener, payload

#: A program whose reapers wait for an hour.
THREADS = """
import json, os, sys, threading
from beaker_dynamodb import DynamoDBNamespaceManager
from beaker_dynamodb.dynamodb import forks

options = json.loads(sys.argv[1])

def reapers():
    return [thread.name for thread in threading.enumerate()].count("beaker-dynamodb-reaper")

def use(**more):
    return DynamoDBNamespaceManager("news", **{**options, **more})

said = [reapers()]
manager = use()
said.append(reapers())
manager[b"k"] = 1
said.append(reapers())
for _ in range(3):
    manager[b"k"], use()[b"k"], use(timeout=60)[b"k"]
said.append(reapers())
use(prefix="more:").get_creation_lock(b"k")
use(prefix="more:")[b"k"] = 1
said.append(reapers())
use(reap_interval=0, prefix="none:")[b"k"] = 1
said.append(reapers())
use(table_name=options["table_name"] + "-more")[b"k"] = 1
said.append(reapers())
child = os.fork()
if not child:
    assert 0 == reapers()
    manager[b"k"]
    assert 1 == reapers()
    os._exit(0)
assert (child, 0) == os.waitpid(child, 0)
# As after a fork in C, of which Python is not told.
forks._process_id = 0
before = reapers()
manager[b"k"]
assert before + 1 == reapers()
print(json.dumps(said))
"""

#: A program that ends while its reaper is working: runs follow each other immediately.
ENDING = """
import json, sys, threading
from beaker_dynamodb import DynamoDBNamespaceManager
from beaker_dynamodb.items import background_reaper
from beaker_dynamodb.items import reaper

options = json.loads(sys.argv[1])
runs = threading.Semaphore(0)
once = background_reaper.reap_once

def counted(store):
    once(store)
    runs.release()

background_reaper.reap_once = counted
DynamoDBNamespaceManager("news", **{**options, "reap_interval": 1e-6})[b"k"] = 1
for _ in range(3):
    runs.acquire()
"""


def run(program: str, options: dict[str, Any]) -> str:
    given = {name: value for name, value in options.items() if name != "clock"}
    # Python 3.12 warns about a fork in a process with threads; a test is about the consequences.
    command = [sys.executable, "-W", "error", "-W", "ignore::DeprecationWarning", "-c", program]
    done = subprocess.run(
        [*command, json.dumps({**given, "reap_interval": 3600})], capture_output=True, text=True
    )
    assert (0, "") == (done.returncode, done.stderr)
    return done.stdout


def test_one_thread_for_a_table_and_prefix(options: dict[str, Any]) -> None:
    assert [0, 0, 1, 1, 2, 2, 3] == json.loads(run(THREADS, options))


@pytest.mark.full
def test_a_process_may_end_while_it_reaps(options: dict[str, Any]) -> None:
    assert "" == run(ENDING, options)


def test_runs_are_an_interval_apart(options: dict[str, Any], table: Opener, clock: Clock) -> None:
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        table(f"{len(pauses)}", timeout=100)["session"] = payload(a=len(pauses))
        clock.advance(100)
        if len(pauses) == 4:
            raise SystemExit

    with pytest.raises(SystemExit):
        background_reaper.run(backend_for({**options, "reap_interval": "60"}).items, sleep)
    assert 0 <= pauses[0] <= 60
    assert pytest.approx([60, 60, 60], rel=0.1) == pauses[1:]
    # The others were deleted before it was written.
    assert {"S": "sess:4"} == table.item()["id"]


def test_a_fault_is_logged_and_nothing_more(
    options: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    store = backend_for({**options, "endpoint_url": "http://127.0.0.1:1", "max_attempts": 1}).items
    with caplog.at_level(logging.INFO, "beaker_dynamodb"):
        background_reaper.reap_once(store)
    (record,) = caplog.records
    assert "WARNING" == record.levelname
    assert "not all expired items were deleted: StoreUnavailable" in record.getMessage()


def test_a_run_is_logged(
    options: dict[str, Any], table: Opener, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    table("secret-id", timeout=100)["session"] = payload(a=1)
    clock.advance(100)
    with caplog.at_level(logging.INFO, "beaker_dynamodb"):
        background_reaper.reap_once(backend_for(options).items)
    messages = [one.getMessage() for one in caplog.records if "reaped" in one.getMessage()]
    assert 1 == len(messages)
    assert "1 items read, 1 expired, 1 deleted" in messages[0]
    assert "secret-id" not in caplog.text
