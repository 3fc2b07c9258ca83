"""The capacity that a command's calls consume, of all its threads together."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from beaker_dynamodb.ops.meter import READS, WRITES

if TYPE_CHECKING:
    from types import TracebackType

    from botocore.model import OperationModel


class Capacity(AbstractContextManager["Capacity"]):
    """Adds up what the calls of a client consume, while it is open.

    ::

        with Capacity(client) as used:
            ...
        print(used)                        # 12.5 read and 3 write units

    :param client: a boto3 DynamoDB client.
    :param on_deletes: told how many items a BatchWriteItem has deleted, from any thread.
    """

    def __init__(self, client: Any, on_deletes: Callable[[int], object] = lambda _: None) -> None:
        self._on_deletes = on_deletes
        self.read_units = 0.0
        self.write_units = 0.0
        #: Items that were deleted by BatchWriteItem.
        self.batch_deletes = 0
        self._lock = threading.Lock()
        self._events = client.meta.events
        self._handlers: dict[str, Callable[..., None]] = {
            "before-parameter-build.dynamodb": self._started,
            "after-call.dynamodb": self._answered,
        }

    def __enter__(self) -> Capacity:
        for event, handler in self._handlers.items():
            self._events.register_last(event, handler)
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for event, handler in self._handlers.items():
            self._events.unregister(event, handler)

    def __str__(self) -> str:
        parts = [(self.read_units, "read"), (self.write_units, "write")]
        told = [f"{units:g} {kind}" for units, kind in parts if units]
        return f"{' and '.join(told) or 'no'} units"

    def as_json(self) -> dict[str, float]:
        """Give the units for a JSON answer."""
        return {"read": self.read_units, "write": self.write_units}

    def _started(
        self, params: dict[str, Any], model: OperationModel, context: dict[str, Any], **_: object
    ) -> None:
        members = model.input_shape.members if model.input_shape else {}
        if "ReturnConsumedCapacity" in members:
            params.setdefault("ReturnConsumedCapacity", "TOTAL")
        tables = params.get("RequestItems", {}) if model.name == "BatchWriteItem" else {}
        context[_SENT] = _deletes(tables)

    def _answered(
        self, parsed: dict[str, Any], model: OperationModel, context: dict[str, Any], **_: object
    ) -> None:
        told = parsed.get("ConsumedCapacity", [])
        units = sum(
            float(table.get("CapacityUnits", 0))
            for table in (told if isinstance(told, list) else [told])
        )
        done = 0
        if model.name == "BatchWriteItem" and "Error" not in parsed:
            done = context[_SENT] - _deletes(parsed.get("UnprocessedItems", {}))
        with self._lock:
            self.read_units += units if model.name in READS else 0
            self.write_units += units if model.name in WRITES else 0
            self.batch_deletes += done
        if done:
            self._on_deletes(done)


# Where the number of deletes travels in botocore's context of a request.
_SENT = "beaker_dynamodb.deletes"


def _deletes(tables: dict[str, list[dict[str, Any]]]) -> int:
    return sum("DeleteRequest" in request for requests in tables.values() for request in requests)
