"""Count the capacity that boto3 clients consume."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from botocore.model import OperationModel

READS = frozenset({"GetItem", "BatchGetItem", "TransactGetItems", "Query", "Scan"})
WRITES = frozenset({"PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems"})
#: Bytes per capacity unit (AWS developer guide, read/write capacity).
READ_UNIT_BYTES = 4096
WRITE_UNIT_BYTES = 1024
#: Dollars for a million request units on demand, in us-east-1 since November 2024 (AWS price list).
PRICE_READ_MILLION = 0.125
PRICE_WRITE_MILLION = 0.625

#: Key of a call's parameters in botocore's request context.
_PARAMS = "beaker_dynamodb.params"


@dataclass(frozen=True)
class Call:
    """A call that DynamoDB answered.

    :param operation: DynamoDB's name, such as ``GetItem``.
    :param response: DynamoDB's answer, which may be an error.
    """

    operation: str
    params: Mapping[str, Any]
    response: Mapping[str, Any]

    @property
    def units(self) -> float:
        """Consumed capacity units, as DynamoDB reports them; 0 if it does not."""
        reported = self.response.get("ConsumedCapacity") or []
        tables = reported if isinstance(reported, list) else [reported]
        return sum(float(table.get("CapacityUnits", 0)) for table in tables)

    @property
    def batch_deletes(self) -> int:
        """Number of items that a BatchWriteItem deleted."""
        if self.operation != "BatchWriteItem" or "Error" in self.response:
            return 0
        return _deletes(self.params["RequestItems"]) - _deletes(
            self.response.get("UnprocessedItems", {})
        )


class Capacity(AbstractContextManager["Capacity", None]):
    """Sums the capacity that some clients consume, in all threads, until it is closed.

    ::

        with Capacity(client) as used:
            ...
        print(used)                        # 12.5 read and 3 write units

    :param clients: boto3 clients for DynamoDB.
    :param on_call: called with each `Call`, one at a time, in the thread that made it.
    """

    def __init__(self, *clients: Any, on_call: Callable[[Call], object] = lambda _: None) -> None:
        self.read_units = 0.0
        self.write_units = 0.0
        self.batch_deletes = 0
        self.created_tables = 0
        self._on_call = on_call
        self._lock = threading.Lock()
        self._events = [
            client.meta.events for client in {id(client): client for client in clients}.values()
        ]
        self._handlers: dict[str, Callable[..., None]] = {
            "before-parameter-build.dynamodb": self._before,
            "after-call.dynamodb": self._after,
        }
        for events in self._events:
            for event, handler in self._handlers.items():
                events.register_last(event, handler)

    def __str__(self) -> str:
        sums = [(self.read_units, "read"), (self.write_units, "write")]
        parts = [f"{units:,.1f} {kind}".replace(".0 ", " ") for units, kind in sums if units]
        last = [units for units, _ in sums if units][-1:]
        return f"{' and '.join(parts) or 'no'} {'unit' if last == [1] else 'units'}"

    def as_json(self) -> dict[str, float]:
        """Return the units for JSON output."""
        return {"read": self.read_units, "write": self.write_units}

    def __exit__(self, *_: object) -> None:
        for events in self._events:
            for event, handler in self._handlers.items():
                events.unregister(event, handler)

    def _before(
        self, params: dict[str, Any], model: OperationModel, context: dict[str, Any], **_: object
    ) -> None:
        if model.name in READS | WRITES:
            params.setdefault("ReturnConsumedCapacity", "TOTAL")
        context[_PARAMS] = params

    def _after(
        self, parsed: dict[str, Any], model: OperationModel, context: dict[str, Any], **_: object
    ) -> None:
        call = Call(model.name, context[_PARAMS], parsed)
        with self._lock:
            self.read_units += call.units if call.operation in READS else 0
            self.write_units += call.units if call.operation in WRITES else 0
            self.batch_deletes += call.batch_deletes
            self.created_tables += call.operation == "CreateTable" and "Error" not in parsed
            self._on_call(call)


def _deletes(tables: Mapping[str, list[dict[str, Any]]]) -> int:
    return sum("DeleteRequest" in request for requests in tables.values() for request in requests)
