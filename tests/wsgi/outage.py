"""A store that refuses calls, from when a test says so."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from botocore.awsrequest import AWSResponse

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

WRITES = ("PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems")


class _Body:
    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, *_: object, **__: object) -> list[bytes]:
        """Return the body in pieces."""
        return [self._body]


class Outage:
    """Refuses calls of a client in the server's place.

    :param client: which.
    """

    def __init__(self, client: DynamoDBClient) -> None:
        self._events = client.meta.events
        #: The operations that were refused.
        self.refused: list[str] = []

    @contextmanager
    def of(self, *operations: str, code: str = "ThrottlingException") -> Iterator[None]:
        """Refuse these operations in the block.

        :param code: of AWS.
        """
        answer = json.dumps({"__type": f"com.amazon.coral.service#{code}", "message": "no"})

        # An answer of this event goes instead of the request; the type hints do not know of it.
        def refuse(request: Any, event_name: str, **_: object) -> Any:
            self.refused.append(event_name.rpartition(".")[2])
            return AWSResponse(request.url, 400, {}, _Body(answer.encode()))  # type: ignore[arg-type]

        events = [f"before-send.dynamodb.{operation}" for operation in operations]
        for event in events:
            self._events.register(event, refuse)
        try:
            yield
        finally:
            for event in events:
                self._events.unregister(event, refuse)
