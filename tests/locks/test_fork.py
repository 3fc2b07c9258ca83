"""The creation lock in a process that forks."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

PROGRAM = """
import json, os, sys, threading
from beaker_dynamodb import DynamoDBNamespaceManager

options = json.loads(sys.argv[1])
namespace = DynamoDBNamespaceManager("news", **options)
mine, other = namespace.get_creation_lock(b"mine"), namespace.get_creation_lock(b"other")
mine.acquire()

# Another thread holds the other lock at the moment of the fork, and goes on in the parent only.
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


def test_fork(options: dict[str, Any]) -> None:
    """A child has none of its parent's locks, frees none, and can take and renew its own."""
    # Python 3.12 warns of a fork beside threads; what comes of it is what this test is about.
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", PROGRAM]
    done = subprocess.run([*command, json.dumps(options)], capture_output=True, text=True)
    assert "" == done.stderr
    assert 0 == done.returncode
