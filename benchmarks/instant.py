"""A DynamoDB client that answers from a dict, to measure only the code around it."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace
from typing import Any

from botocore.hooks import HierarchicalEmitter

from benchmarks.candidates import beaker_sessions
from benchmarks.driver import InProcess
from benchmarks.load import Client
from benchmarks.plan import MIDDLE_KB


class InstantClient:
    """Replaces a boto3 client in the option ``client``."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        #: Where handlers are registered; nothing is ever emitted.
        self.meta = SimpleNamespace(events=HierarchicalEmitter())
        self.items: dict[str, dict[str, Any]] = {}

    def get_item(self, *, Key: dict[str, Any], **_: object) -> dict[str, Any]:
        """Return the last item that was put."""
        self.calls["GetItem"] += 1
        item = self.items.get(Key["id"]["S"])
        return {} if item is None else {"Item": item}

    def put_item(self, *, Item: dict[str, Any], **_: object) -> dict[str, Any]:
        """Store an item and ignore the condition."""
        self.calls["PutItem"] += 1
        self.items[Item["id"]["S"]] = Item
        return {}


def stored_session() -> dict[str, Any]:
    """Return the attributes of a session's item, as the middleware writes it."""
    from beaker_dynamodb.middleware import SessionMiddleware

    client = InstantClient()
    settings = {"session.client": client, "session.timeout": 1800}
    target = InProcess(SessionMiddleware(beaker_sessions.page, settings))
    Client().open(target, f"/begin/{MIDDLE_KB}")
    (attributes,) = client.items.values()
    return attributes
