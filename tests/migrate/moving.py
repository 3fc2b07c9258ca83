"""Saves sessions in an old store, migrates them, and looks at the copies."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from beaker.session import Session
from click.testing import CliRunner, Result

from beaker_dynamodb.backend import Backend
from beaker_dynamodb.cli.main import cli
from beaker_dynamodb.config.parse import parse
from beaker_dynamodb.items.item import SESSION, Item
from beaker_dynamodb.migrate.migration import Migration
from beaker_dynamodb.migrate.report import Report
from beaker_dynamodb.migrate.stores import source_from_url
from beaker_dynamodb.sessions.storage import SessionStorage
from tests.beaker import items
from tests.servers.endpoint import DynamoDBClient


class Stores:
    """An old store in files, and a new one in DynamoDB.

    :param folder: the files' folder.
    :param new: options of the new store.
    :param client: a plain client, to look at the new store.
    """

    def __init__(self, folder: Path, new: Mapping[str, Any], client: DynamoDBClient) -> None:
        self.old = {"type": "file", "data_dir": str(folder)}
        self.new = dict(new)
        self.client = client
        self.url = f"file://{folder}"

    def save(self, session_id: str | None = None, /, **values: object) -> str:
        return saved(self.old, session_id, **values)

    def save_in_new(self, session_id: str, **values: object) -> None:
        saved({"type": "ext:dynamodb", **self.new}, session_id, **values)

    def move(self, source: Any = None, **extra: Any) -> Report:
        return move(source or self.url, self.new, **extra)

    def counts(self, **extra: Any) -> dict[str, int]:
        """Copy all sessions and return the counts that are not 0."""
        return counts(self.move(**extra))

    def migrate(self, *flags: str, query: str = "") -> Result:
        """Run the command.

        :param query: more options in the URL of the new store.
        """
        return migrate("--from", self.url, "--to", url_of(self.new) + query, *flags)

    @property
    def storage(self) -> SessionStorage:
        return target(self.new)

    def items(self) -> dict[str, dict[str, Any]]:
        return items(self.client, self.new["table_name"])

    def kinds(self) -> list[str]:
        return sorted(item["type"]["S"] for item in self.items().values())

    def copy(self, session_id: str) -> Item | None:
        return self.storage.items.get(self.storage.keys.session(session_id), SESSION)

    def copied(self, session_id: str) -> Item:
        item = self.copy(session_id)
        assert item is not None
        return item

    def key(self, session_id: str) -> dict[str, Any]:
        return self.storage.items.layout.key_attributes(self.storage.keys.session(session_id))

    def log_out(self, session_id: str) -> None:
        self.storage.items.end(self.storage.keys.session(session_id))

    def sweep(self, session_id: str) -> None:
        """Delete a session's item from the new store, without a marker of its log-out."""
        self.storage.items.call("delete_item", Key=self.key(session_id))


def target(options: Mapping[str, object]) -> SessionStorage:
    return SessionStorage(Backend(parse(options)))


def url_of(options: Mapping[str, Any]) -> str:
    given = dict(options)
    region, table = given.pop("region_name"), given.pop("table_name")
    return f"dynamodb://{region}/{table}?{urlencode(given)}"


def migrate(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["migrate", *arguments])


def move(source: Any, options: Mapping[str, object], **extra: Any) -> Report:
    """Copy all sessions and read every copy back.

    :param source: a source or its URL.
    :param options: options of the new store.
    """
    if isinstance(source, str):
        source = source_from_url(source)
    return Migration(source, target(options), **{"verify": "all", **extra}).run()


def saved(old: Mapping[str, Any], session_id: str | None = None, /, **values: object) -> str:
    """Save a session with Beaker's Session and return its id."""
    session = Session({}, id=session_id, use_cookies=False, **old)
    session.update(values)
    session.save()
    saved_id: str = session.id
    return saved_id


def counts(report: Report) -> dict[str, int]:
    """Return the counts of a report that are not 0, without the write units."""
    ignored = ("write_units", "complete")
    return {name: n for name, n in report.as_dict().items() if n and name not in ignored}
