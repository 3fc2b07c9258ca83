"""Saves sessions in an old store, migrates them, and looks at the copies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from beaker.session import Session

from beaker_dynamodb.backend import Backend
from beaker_dynamodb.config.parse import parse
from beaker_dynamodb.items.item import SESSION, Item
from beaker_dynamodb.migrate.migration import Migration
from beaker_dynamodb.migrate.report import Report
from beaker_dynamodb.migrate.stores import source_from_url
from beaker_dynamodb.sessions.storage import SessionStorage


def target(options: Mapping[str, object]) -> SessionStorage:
    return SessionStorage(Backend(parse(options)))


def move(source: Any, options: Mapping[str, object], **more: Any) -> Report:
    """Copy all sessions and read every copy back.

    :param source: a source or its URL.
    :param options: of the new store.
    """
    if isinstance(source, str):
        source = source_from_url(source)
    return Migration(source, target(options), **{"verify": "all", **more}).run()


def saved(old: Mapping[str, Any], session_id: str | None = None, /, **values: object) -> str:
    """Save a session with Beaker's Session and return its id."""
    session = Session({}, id=session_id, use_cookies=False, **old)
    session.update(values)
    session.save()
    saved_id: str = session.id
    return saved_id


def stored(options: Mapping[str, object], session_id: str) -> Item | None:
    """Return a session's item in the new store."""
    storage = target(options)
    return storage.items.get(storage.keys.session(session_id), SESSION)


def counts(report: Report) -> dict[str, int]:
    """Return the counts of a report that are not 0, without the write units."""
    ignored = ("write_units", "complete")
    return {name: n for name, n in report.as_dict().items() if n and name not in ignored}
