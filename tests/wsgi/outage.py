"""A store that refuses calls."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

from tests.servers.endpoint import DynamoDBClient

WRITES = ("PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems")


class Outage:
    def __init__(self, client: DynamoDBClient) -> None:
        self._events = client.meta.events
        #: The operations that were refused.
        self.refused: list[str] = []

    @contextmanager
    def of(self, *operations: str, code: str = "ThrottlingException") -> Iterator[None]:
        """Refuse these operations in the block, with this AWS error code."""

        def refuse(model: Any, **_: object) -> Any:
            self.refused.append(model.name)
            error = {"Code": code, "Message": "no"}
            metadata = {"HTTPStatusCode": 400}
            answer = SimpleNamespace(status_code=400, raw=None)
            return answer, {"Error": error, "ResponseMetadata": metadata}

        events = [f"before-call.dynamodb.{operation}" for operation in operations]
        for event in events:
            self._events.register_first(event, refuse)
        try:
            yield
        finally:
            for event in events:
                self._events.unregister(event, refuse)
