"""Requests of one visitor without a middleware, in whatever order a test needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from beaker.session import Session
from beaker.util import PickleSerializer

from beaker_dynamodb import DynamoDBNamespaceManager, SessionEvent
from beaker_dynamodb.items.codec import SessionBytes
from beaker_dynamodb.sessions.record import SessionRecord
from tests.servers.endpoint import DynamoDBClient
from tests.sessions.site import PLANTED, values


class Visitor:
    """Makes requests on one session. Each loads the session when it begins."""

    def __init__(self, options: Mapping[str, Any], session_class: type[Any] = Session) -> None:
        self.options = {"type": "ext:dynamodb", **options}
        self._class = session_class
        self.id: str | None = None

    def starts(self, **data: object) -> Any:
        session = self.request()
        save(session, **data)
        self.id = session.id
        return session

    def request(self, **extra: Any) -> Any:
        return self._class({}, id=self.id, use_cookies=False, **{**self.options, **extra})

    def finds(self) -> dict[str, Any]:
        return values(self.request())

    def at_once(self, *changes: Callable[[Any], object]) -> dict[str, Any]:
        """Make requests that all load before the first one saves; return the resulting data."""
        sessions = [self.request() for _ in changes]
        for session, change in zip(sessions, changes, strict=True):
            change(session)
            save(session)
        return self.finds()

    def stored(self) -> list[dict[str, Any]]:
        """Return the sessions in the table; see `stored_sessions`."""
        return stored_sessions(self.client, self.options["table_name"])

    @property
    def client(self) -> DynamoDBClient:
        options = {name: value for name, value in self.options.items() if name != "type"}
        return DynamoDBNamespaceManager("any", **options).client


def record(options: Mapping[str, Any], session_id: str = "id") -> SessionRecord:
    session: SessionRecord = DynamoDBNamespaceManager(session_id, **options).session
    return session


def payload(**data: object) -> SessionBytes:
    return SessionBytes(PickleSerializer().dumps(data))


def save(session: Any, **changes: object) -> None:
    session.update(changes, _planted=PLANTED)
    session.save()


@contextmanager
def before(
    client: DynamoDBClient, operation: str, *actions: Callable[[dict[str, Any]], object]
) -> Iterator[None]:
    """Do something before calls of an operation are sent: one action per call.

    The calls of an action are not counted. An action that raises takes the place of the call.
    """
    event, left = f"before-parameter-build.dynamodb.{operation}", list(actions)

    def act(params: dict[str, Any], **_: object) -> None:
        if left:
            client.meta.events.unregister(event, act)
            try:
                left.pop(0)(params)
            finally:
                client.meta.events.register(event, act)

    client.meta.events.register(event, act)
    try:
        yield
    finally:
        client.meta.events.unregister(event, act)


def stored_sessions(client: DynamoDBClient, table_name: object) -> list[dict[str, Any]]:
    """Return the sessions in a table, including expired ones, but not markers."""
    items = client.scan(TableName=str(table_name), ConsistentRead=True)["Items"]
    return [dict(item) for item in items if item["type"]["S"] == "beaker-session"]


def words(reported: list[SessionEvent]) -> list[str]:
    return [f"{event.kind} {event.reason}".strip() for event in reported]
