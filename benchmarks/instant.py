"""A DynamoDB client that answers from a dict, to measure only the code around it."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace
from typing import Any

from botocore.hooks import HierarchicalEmitter


class InstantClient:
    """Used as the option ``client``; has the interface of boto3's."""

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
