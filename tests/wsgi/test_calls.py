"""The number of store calls of each kind of request, as in the documentation's table."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from http.cookiejar import CookieJar
from typing import Any

import beaker.ext.redisnm
import beaker.middleware
import pytest
from webtest import TestApp

import beaker_dynamodb.middleware
from beaker_dynamodb import DynamoDBNamespaceManager
from tests.docs import pages
from tests.servers.endpoint import Endpoint
from tests.servers.recorder import CallRecorder
from tests.wsgi.raw import Options, page

#: Kinds of requests, in order, and their actions.
KINDS: dict[str, Callable[[Any], object]] = {
    "first visit, nothing kept": lambda session: session.get("user"),
    "first visit, a value kept": lambda session: session.update(user="bob") or session.save(),
    "read": lambda session: session["user"],
    "read, `touch_interval` over": lambda session: session["user"],
    "saved, nothing changed": lambda session: session["user"] and session.save(),
    "a value changed": lambda session: session.update(user="eve") or session.save(),
    "`regenerate_id()`": lambda session: session.regenerate_id(),
    "`invalidate()`, a value kept": lambda session: (
        session.invalidate() or session.update(user="ann") or session.save()
    ),
    "`delete()`": lambda session: session.delete(),
}


class Redis:
    """The part of a Redis client that Beaker uses; it counts commands."""

    def __init__(self) -> None:
        self.values: dict[str, bytes] = {}
        self.reads = self.writes = 0

    def get(self, key: str) -> bytes | None:
        self.reads += 1
        return self.values.get(key)

    def set(self, key: str, value: bytes) -> None:
        self.writes += 1
        self.values[key] = value


def browse(
    middleware: Callable[..., Any], options: Options, counts: Callable[[], tuple[int, int]]
) -> Iterator[str]:
    """Send one request of each kind as one browser; yield "reads + writes" of each."""
    cookies = CookieJar()
    for kind, action in KINDS.items():
        touch = {"touch_interval": 0} if "touch_interval" in kind and "table" in options else {}
        settings = {f"session.{name}": value for name, value in {**options, **touch}.items()}
        browser = TestApp(middleware(page(action), settings), cookiejar=cookies, lint=False)
        before = counts()
        browser.get("/")
        reads, writes = (after - earlier for after, earlier in zip(counts(), before, strict=True))
        yield f"{reads} + {writes}"


def test_the_table_of_calls(
    moto_endpoint: Endpoint, table_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(beaker.ext.redisnm, "redis", object())
    redis = Redis()
    table = {"table": table_name, **moto_endpoint.options}
    options = {"type": "ext:dynamodb", **table}
    manager = DynamoDBNamespaceManager("any", **table)
    manager[b"make the table"] = None
    with CallRecorder(manager.client) as calls:

        def dynamodb_counts() -> tuple[int, int]:
            reads = calls.operations.count("GetItem")
            return reads, len(calls) - reads

        columns = [
            browse(
                beaker.middleware.SessionMiddleware,
                {"type": "ext:redis", "url": redis},
                lambda: (redis.reads, redis.writes),
            ),
            browse(beaker.middleware.SessionMiddleware, options, dynamodb_counts),
            browse(beaker_dynamodb.middleware.SessionMiddleware, options, dynamodb_counts),
        ]
        rows = zip(KINDS, *[list(column) for column in columns], strict=True)
    lines = [
        "| request | `ext:redis` | `ext:dynamodb` | with this package's middleware |",
        "|---|---|---|---|",
        *("| " + " | ".join(row) + " |" for row in rows),
    ]
    assert "\n".join(lines) == pages.table("calls")
