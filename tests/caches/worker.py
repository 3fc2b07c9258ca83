"""A process whose threads get one key from a cache.

It waits for a line on standard input before it starts and another one before it finishes its value.
It prints ``ready``, ``asking``, ``computing``, ``got VALUE``, and at the end ``calls OPERATION …``.
"""

from __future__ import annotations

import json
import os
import sys
from threading import Event, Lock, Thread

from beaker.cache import CacheManager

from tests.beaker import used_client
from tests.servers.recorder import CallRecorder

_output = Lock()
_finish = Event()


def _say(*words: str) -> None:
    with _output:
        print(*words, flush=True)


def _create() -> str:
    _say("computing")
    _finish.wait()
    return f"value of {os.getpid()}"


def main(threads: int, expire: int | None, options: dict[str, object]) -> None:
    """Get the key in several threads at once."""
    cache = CacheManager(type="ext:dynamodb", expire=expire, **options).get_cache("news")

    def ask() -> None:
        _say("asking")
        _say("got", cache.get("key", createfunc=_create))

    asking = [Thread(target=ask) for _ in range(threads)]
    with CallRecorder(used_client(options)) as sent:
        _say("ready")
        sys.stdin.readline()
        for thread in asking:
            thread.start()
        sys.stdin.readline()
        _finish.set()
        for thread in asking:
            thread.join()
        _say("calls", *sent.operations)


if __name__ == "__main__":
    main(*json.loads(sys.argv[1]))
