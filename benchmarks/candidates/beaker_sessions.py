"""Beaker's sessions: on DynamoDB with Beaker's middleware and with ours; on Redis; on SQLite."""

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
    """Give the INI settings of a DynamoDB session."""
    return {
        "session.type": "ext:dynamodb",
        "session.timeout": 1800,
        "session.table_name": table,
        "session.endpoint_url": store.url,
    }


def ours(store: Store) -> WSGIApplication:
    """Our middleware."""
    hide_redis()
    from beaker_dynamodb.middleware import SessionMiddleware

    app: WSGIApplication = SessionMiddleware(page, options(store, table_name("ours")))
    return app


def plain(store: Store) -> WSGIApplication:
    """Beaker's middleware over our backend."""
    hide_redis()
    return _beaker(options(store, table_name("beaker")))


def hide_redis() -> None:
    """Keep Beaker from importing Redis's client: who has their sessions elsewhere has none.

    Beaker imports the clients of all its backends that are installed; this one takes 100 ms.
    """
    sys.modules.setdefault("redis", None)  # type: ignore[arg-type]  # what import then refuses


def redis(store: Store) -> WSGIApplication:
    """Beaker's own Redis backend."""
    return _beaker({"session.type": "ext:redis", "session.url": store.url, "session.timeout": 1800})


def sqlite(store: Store) -> WSGIApplication:
    """Beaker's own database backend."""
    return _beaker(
        {
            "session.type": "ext:database",
            "session.url": store.url,
            "session.timeout": 1800,
            "session.lock_dir": store.url.removeprefix("sqlite:///") + "-locks",
        }
    )


def _beaker(settings: dict[str, Any]) -> WSGIApplication:
    from beaker.middleware import SessionMiddleware

    app: WSGIApplication = SessionMiddleware(page, settings)
    return app
