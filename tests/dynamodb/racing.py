"""Concurrent use of a table by threads or processes."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from beaker_dynamodb import DynamoDBNamespaceManager

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.opening import Opener


def in_threads(open_namespace: Opener, keys: Sequence[bytes]) -> list[str]:
    """Write each key in a thread of its own.

    :returns: "done" for each.
    """
    barrier = threading.Barrier(len(keys))

    def write(key: bytes) -> str:
        barrier.wait()
        open_namespace()[key] = 1
        return "done"

    with ThreadPoolExecutor(len(keys)) as threads:
        return list(threads.map(write, keys))


def in_processes(open_namespace: Opener, keys: Sequence[bytes]) -> list[str]:
    """Write each key in a process of its own.

    :returns: "done" for each.
    """
    # A clock cannot be passed to another process; these entries never expire.
    options = {name: value for name, value in open_namespace.options.items() if name != "clock"}
    writers = [
        subprocess.Popen(
            [sys.executable, "-m", __name__, json.dumps(options), key.decode()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for key in keys
    ]
    for writer in writers:
        assert writer.stdout is not None
        assert "ready\n" == writer.stdout.readline()
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    return [writer.communicate()[0].strip() for writer in writers]


def main(options: str, key: str) -> None:
    """Run one of the processes: get ready, wait for the signal, write.

    :param options: of the manager, as JSON.
    """
    manager = DynamoDBNamespaceManager("pages", **json.loads(options))
    manager.client.meta  # noqa: B018 - makes the client
    print("ready", flush=True)
    sys.stdin.readline()
    manager[key] = 1
    print("done", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
