"""Beaker's sessions: on DynamoDB with either middleware, on Redis, and on SQLite."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from benchmarks.store import Store, table_name
from benchmarks.workload import visit

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


def page(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Serve one request."""
    session = environ["beaker.session"]
    text, changed = visit(session, environ["PATH_INFO"])
    if changed:
        session.save()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [text.encode()]


def options(store: Store, table: str) -> dict[str, Any]:
    """Return the INI settings of a DynamoDB session."""
    return {
        "session.type": "ext:dynamodb",
        "session.timeout": 1800,
        "session.table_name": table,
        "session.endpoint_url": store.url,
    }


def ours(store: Store) -> WSGIApplication:
    """This package's middleware."""
    return _ours(options(store, store.table or table_name("ours")))


def ours_auto(store: Store) -> WSGIApplication:
    """This package's middleware with ``consistent_read = auto``.

    Simulates visitors who click more than five seconds apart. Otherwise every read would be
    consistent, because a load without pauses reads right after a change.
    """
    from beaker_dynamodb import session_item

    session_item.MAX_REPLICA_LAG_SECONDS = -1
    settings = options(store, table_name("ours-auto"))
    return _ours(settings | {"session.consistent_read": "auto", "session.secret": "benchmark"})


def ours_boto3(store: Store) -> WSGIApplication:
    """This package's middleware with ``transport = boto3``."""
    return _ours(options(store, table_name("ours-boto3")) | {"session.transport": "boto3"})


def plain(store: Store) -> WSGIApplication:
    """Beaker's middleware with this package's backend."""
    return _beaker(options(store, table_name("beaker")))


def hide_clients(used: str = "") -> None:
    """Hide the clients of other stores from Beaker, which imports all that are installed.

    The import of redis alone takes 100 ms.

    :param used: the client to leave visible.
    """
    for name in {"bmemcached", "memcache", "pylibmc", "pymongo", "redis", "sqlalchemy"} - {used}:
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]  # makes the import fail


def redis(store: Store) -> WSGIApplication:
    """Beaker's own Redis backend."""
    settings = {"session.type": "ext:redis", "session.url": store.url, "session.timeout": 1800}
    return _beaker(settings, "redis")


def sqlite(store: Store) -> WSGIApplication:
    """Beaker's own database backend."""
    return _beaker(
        {
            "session.type": "ext:database",
            # Seconds that a writer waits for the others: the default of 5 is too short for 32.
            "session.url": f"{store.url}?timeout=60",
            "session.timeout": 1800,
            "session.lock_dir": store.url.removeprefix("sqlite:///") + "-locks",
        },
        "sqlalchemy",
    )


def _ours(settings: dict[str, Any]) -> WSGIApplication:
    hide_clients()
    from beaker_dynamodb.middleware import SessionMiddleware

    app: WSGIApplication = SessionMiddleware(page, settings)
    return app


def _beaker(settings: dict[str, Any], client: str = "") -> WSGIApplication:
    hide_clients(client)
    from beaker.middleware import SessionMiddleware

    app: WSGIApplication = SessionMiddleware(page, settings)
    return app
