"""The capacity that a command's calls consume, of all its threads together."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from beaker_dynamodb.testing.meter import READS, WRITES, Listener, ask_for_units, reported

if TYPE_CHECKING:
    from botocore.model import OperationModel


class Capacity(Listener):
    """Adds up what the calls of clients consume, while it is open.

    ::

        with Capacity(client) as used:
            ...
        print(used)                        # 12.5 read and 3 write units

    :param clients: boto3 clients of DynamoDB.
    :param on_deletes: told how many items a BatchWriteItem has deleted, from any thread.
    """

    def __init__(self, *clients: Any, on_deletes: Callable[[int], object] = lambda _: None) -> None:
        self._on_deletes = on_deletes
        self.read_units = 0.0
        self.write_units = 0.0
        #: Items that were deleted by BatchWriteItem.
        self.batch_deletes = 0
        #: Tables that were created.
        self.tables = 0
        self._lock = threading.Lock()
        super().__init__(*clients)

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
        ask_for_units(params, model)
        tables = params.get("RequestItems", {}) if model.name == "BatchWriteItem" else {}
        context[_SENT] = _deletes(tables)

    def _answered(
        self, parsed: dict[str, Any], model: OperationModel, context: dict[str, Any], **_: object
    ) -> None:
        units, done = reported(parsed) or 0.0, 0
        if model.name == "BatchWriteItem" and "Error" not in parsed:
            done = context[_SENT] - _deletes(parsed.get("UnprocessedItems", {}))
        with self._lock:
            self.read_units += units if model.name in READS else 0
            self.write_units += units if model.name in WRITES else 0
            self.batch_deletes += done
            self.tables += model.name == "CreateTable" and "Error" not in parsed
        if done:
            self._on_deletes(done)


# Where the number of deletes travels in botocore's context of a request.
_SENT = "beaker_dynamodb.deletes"


def _deletes(tables: dict[str, list[dict[str, Any]]]) -> int:
    return sum("DeleteRequest" in request for requests in tables.values() for request in requests)
