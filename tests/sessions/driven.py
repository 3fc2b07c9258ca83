"""Requests of one visitor, driven by hand in whatever order a test wants; no middleware."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from beaker.session import Session

from beaker_dynamodb import DynamoDBNamespaceManager
from tests.sessions.site import PLANTED, values

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


class Visitor:
    """Begins requests on one session; each has loaded it when it begins.

    :param options: of the session.
    :param session_class: Beaker's Session or ours.
    """

    def __init__(self, options: Mapping[str, Any], session_class: type[Any] = Session) -> None:
        self.options = {"type": "ext:dynamodb", **options}
        self._class = session_class
        self.id: str | None = None

    def starts(self, **data: object) -> Any:
        """Make the first request, which saves data; give its session."""
        session = self.request()
        save(session, **data)
        self.id = session.id
        return session

    def request(self, **more: Any) -> Any:
        """Begin a request and give its session.

        :param more: options of this request only.
        """
        return self._class({}, id=self.id, use_cookies=False, **{**self.options, **more})

    def finds(self) -> dict[str, Any]:
        """Make a request that only reads, and give what the application has in the session."""
        return values(self.request())

    @property
    def client(self) -> DynamoDBClient:
        """The client that the requests use."""
        options = {name: value for name, value in self.options.items() if name != "type"}
        return DynamoDBNamespaceManager("any", **options).client


def save(session: Any, **changes: object) -> None:
    """Change and save a session."""
    session.update(changes, _planted=PLANTED)
    session.save()


def stored_sessions(client: DynamoDBClient, table_name: object) -> list[dict[str, Any]]:
    """Return the sessions in a table, expired ones included, markers not."""
    items = client.scan(TableName=str(table_name), ConsistentRead=True)["Items"]
    return [dict(item) for item in items if item["type"]["S"] == "beaker-session"]
