"""The README's table of calls: what each kind of request costs, counted."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from http.cookiejar import CookieJar
from pathlib import Path
from typing import TYPE_CHECKING, Any

import beaker.ext.redisnm
import beaker.middleware
import pytest
from webtest import TestApp

import beaker_dynamodb.middleware
from beaker_dynamodb import DynamoDBNamespaceManager
from tests.servers.recorder import CallRecorder

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

    from tests.servers.endpoint import Endpoint

README = Path(__file__).parent.parent.parent / "README.md"

#: A request's kind, and what it does with the session.
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
    """As much of a Redis client as Beaker's backend uses, with its commands counted."""

    def __init__(self) -> None:
        self.values: dict[str, bytes] = {}
        self.reads = self.writes = 0

    def get(self, key: str) -> bytes | None:
        """Give a value; counts as a read."""
        self.reads += 1
        return self.values.get(key)

    def set(self, key: str, value: bytes) -> None:
        """Keep a value; counts as a write."""
        self.writes += 1
        self.values[key] = value


def application(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
    """Do with the session what the path says."""
    kind = list(KINDS)[int(environ["PATH_INFO"].strip("/"))]
    KINDS[kind](environ["beaker.session"])
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"done"]


def browse(
    middleware: Callable[..., Any], options: dict[str, Any], counts: Callable[[], tuple[int, int]]
) -> Iterator[str]:
    """Make one request of each kind, in order, as one browser; give "reads + writes" of each."""
    cookies = CookieJar()
    for number, kind in enumerate(KINDS):
        touch = {"touch_interval": 0} if "touch_interval" in kind and "table" in options else {}
        settings = {f"session.{name}": value for name, value in {**options, **touch}.items()}
        browser = TestApp(middleware(application, settings), cookiejar=cookies, lint=False)
        before = counts()
        browser.get(f"/{number}")
        reads, writes = (after - earlier for after, earlier in zip(counts(), before, strict=True))
        yield f"{reads} + {writes}"


@pytest.fixture
def calls_table(
    moto_endpoint: Endpoint, table_name: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """The README's table, as counted now."""
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
        yield "\n".join(
            [
                "| request | `ext:redis` | `ext:dynamodb` | with our middleware |",
                "|---|---|---|---|",
                *("| " + " | ".join(row) + " |" for row in rows),
            ]
        )


def test_the_readme_tells_what_each_kind_of_request_costs(calls_table: str) -> None:
    """The README's table of reads and writes is the one that is counted here."""
    found = re.search(r"<!-- calls -->\n(.*?)\n<!-- /calls -->", README.read_text(), re.DOTALL)
    assert calls_table == (found[1] if found else "no table between the markers")
