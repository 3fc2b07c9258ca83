"""Beaker's backend ``ext:redis``: one key per session, ``beaker_cache:ID:session``."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import islice
from typing import Any

from beaker_dynamodb.config.urls import without_userinfo
from beaker_dynamodb.exceptions import ConfigurationError
from beaker_dynamodb.migrate.source import Entry, Source, from_pickle

PREFIX, SUFFIX = b"beaker_cache:", b":session"
#: Keys per pipeline.
BATCH_KEYS = 500


class RedisSource(Source):
    """One database of a Redis server.

    :param url: Beaker's option, ``redis://HOST:6379/0``.
    :param clock: returns epoch seconds.
    :raises ConfigurationError: the redis package is missing, or the URL is invalid.
    """

    def __init__(self, url: str, clock: Callable[[], float] = time.time) -> None:
        try:
            import redis
        except ImportError as error:
            raise ConfigurationError(f"redis-py is missing ({error}): pip install redis") from error
        try:
            self._client: Any = redis.Redis.from_url(url)
        except ValueError:
            raise ConfigurationError("redis-py cannot read the url") from None
        self.name = without_userinfo(url).partition("?")[0]
        self._clock = clock

    def _total(self) -> int | None:
        total: int = self._client.dbsize()
        return total  # includes keys of other programs

    def _entries(self) -> Iterator[Entry]:
        with closing(self._client):
            found = self._client.scan_iter(match=PREFIX + b"*" + SUFFIX, count=BATCH_KEYS)
            while keys := list(islice(found, BATCH_KEYS)):
                yield from self._values(keys)

    def _values(self, keys: list[bytes]) -> Iterator[Entry]:
        pipeline = self._client.pipeline(transaction=False)
        for key in keys:
            pipeline.get(key)
            pipeline.pttl(key)
        answers = pipeline.execute()
        now_ms = int(self._clock() * 1000)
        for key, pickled, left_ms in zip(keys, answers[::2], answers[1::2], strict=True):
            if pickled is not None:  # it may have expired since it was listed
                session_id = key[len(PREFIX) : -len(SUFFIX)].decode("utf-8", "surrogateescape")
                # PTTL returns -1 for a key that never expires.
                expires_ms = now_ms + left_ms if left_ms >= 0 else None
                yield from_pickle(session_id, pickled, expires_ms=expires_ms)
