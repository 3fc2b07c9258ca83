"""Sessions in an old store, and their move."""

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
    """Give the new store."""
    return SessionStorage(Backend(parse(options)))


def move(source: Any, options: Mapping[str, object], **more: Any) -> Report:
    """Copy all sessions, and read every copy back.

    :param source: a source, or its url.
    :param options: of the new store.
    """
    if isinstance(source, str):
        source = source_from_url(source)
    return Migration(source, target(options), **{"verify": "all", **more}).run()


def saved(old: Mapping[str, Any], session_id: str | None = None, /, **values: object) -> str:
    """Save a session in the old store, by Beaker's own Session, and give its id.

    :param old: options of the session.
    """
    session = Session({}, id=session_id, use_cookies=False, **old)
    session.update(values)
    session.save()
    made: str = session.id
    return made


def stored(options: Mapping[str, object], session_id: str) -> Item | None:
    """Give the item of a session in the new store."""
    store = target(options)
    return store.items.get(store.keys.session(session_id), SESSION)


def counts(report: Report) -> dict[str, int]:
    """Give the counts of a report that are not 0, but the units."""
    given = report.as_dict()
    return {
        name: number
        for name, number in given.items()
        if number and name not in ("write_units", "complete")
    }
