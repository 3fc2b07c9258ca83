"""A process that gets one key from a cache.

It waits for a line on standard input before it starts, and another one before it finishes its
value. It prints ``computing`` if it computes the value, and then the value that it got.
"""

from __future__ import annotations

import json
import os
import sys

from beaker.cache import CacheManager


def _create() -> str:
    print("computing", flush=True)
    sys.stdin.readline()
    return f"value of {os.getpid()}"


def main(options: dict[str, object]) -> None:
    sys.stdin.readline()
    cache = CacheManager(type="ext:dynamodb", **options).get_cache("news")
    print(cache.get("key", createfunc=_create), flush=True)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
