"""What the calls of a boto3 client cost, thread by thread."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from beaker_dynamodb.items.item import item_size

if TYPE_CHECKING:
    from types import TracebackType

    from botocore.model import OperationModel
    from types_boto3_dynamodb import DynamoDBClient
    from typing_extensions import Self

READS = frozenset({"GetItem", "BatchGetItem", "TransactGetItems", "Query", "Scan"})
WRITES = frozenset({"PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems"})

#: Bytes that one capacity unit reads or writes (AWS developer guide, read/write capacity).
READ_UNIT_BYTES = 4096
WRITE_UNIT_BYTES = 1024

#: What has a write answer with the item, whose size counts towards its cost.
_RETURN_VALUES = {"PutItem": "ALL_OLD", "DeleteItem": "ALL_OLD", "UpdateItem": "ALL_NEW"}

#: What was read: table, primary key and size in bytes, the last one last.
_Read = list[tuple[str, Mapping[str, Any], int]]

# Where a request's parameters travel in botocore's context of it.
_SENT = "beaker_dynamodb.sent"


@dataclass(frozen=True)
class Call:
    """One call that read or wrote items.

    :param operation: DynamoDB's name of the operation.
    :param target: the attributes of the primary key, or the whole item of a PutItem; those of the
        first item of a transaction that writes; empty for any other operation on several items.
    :param units: read or write capacity units; None where nobody knows.
    """

    operation: str
    target: Mapping[str, Any]
    units: float | None

    @property
    def reads(self) -> bool:
        """Whether it is a read; otherwise it is a write."""
        return self.operation in READS


def count_text(calls: Sequence[Call]) -> str:
    """Say how many calls these are: "2 reads, 1 write", or "none"."""
    reads = sum(call.reads for call in calls)
    parts = [(reads, "read"), (len(calls) - reads, "write")]
    counted = [f"{number} {noun}" + "s" * (number > 1) for number, noun in parts if number]
    return ", ".join(counted) or "none"


def units_text(calls: Sequence[Call]) -> str:
    """Say what they cost in capacity units: "0.5 read, 1 write", "none" or "unknown"."""
    if any(call.units is None for call in calls):
        return "unknown"
    reads = sum(call.units or 0 for call in calls if call.reads)
    writes = sum(call.units or 0 for call in calls if not call.reads)
    parts = [(reads, "read"), (writes, "write")]
    return ", ".join(f"{units:g} {noun}" for units, noun in parts if units) or "none"


class Listener:
    """Is told of each call of some clients, before it is sent and when it is answered.

    A context manager, which ends that.

    :param clients: boto3 clients of DynamoDB; other code goes on using them.
    """

    def __init__(self, *clients: Any) -> None:
        self._events = [one.meta.events for one in {id(one): one for one in clients}.values()]
        self._handlers: dict[str, Callable[..., None]] = {
            "before-parameter-build.dynamodb": self._started,
            "after-call.dynamodb": self._answered,
        }
        for events in self._events:
            for event, handler in self._handlers.items():
                events.register_last(event, handler)

    def _started(
        self, params: dict[str, Any], model: OperationModel, context: dict[str, Any], **_: object
    ) -> None:
        raise NotImplementedError

    def _answered(
        self, parsed: dict[str, Any], model: OperationModel, context: dict[str, Any], **_: object
    ) -> None:
        raise NotImplementedError

    def close(self) -> None:
        """Stop listening."""
        for events in self._events:
            for event, handler in self._handlers.items():
                events.unregister(event, handler)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def ask_for_units(params: dict[str, Any], model: OperationModel) -> None:
    """Have DynamoDB tell the units of a call, if it can."""
    members = model.input_shape.members if model.input_shape else {}
    if "ReturnConsumedCapacity" in members:
        params.setdefault("ReturnConsumedCapacity", "TOTAL")


def reported(parsed: Mapping[str, Any]) -> float | None:
    """Give the units that an answer tells; None where it tells none."""
    told = parsed.get("ConsumedCapacity")
    if told is None:
        return None
    tables = told if isinstance(told, list) else [told]
    return sum(float(table.get("CapacityUnits", 0)) for table in tables)


class CallMeter(Listener):
    """Notes the calls of a client that read or write items, until closed.

    Calls about tables are not noted: they consume no capacity.

    :param client: a DynamoDB client; other code goes on using it.
    :param computed: compute the units from the items' sizes, for a server that reports wrong
        ones, such as moto; only operations on one item can be computed, and transactions that
        write: of an item that one replaces or deletes nobody tells the size, so it is taken to be
        what the same list's calls last read. Otherwise every request asks DynamoDB for the units,
        and only what it does not tell (a write whose condition failed) is computed.
    """

    def __init__(self, client: DynamoDBClient, *, computed: bool) -> None:
        self._computed = computed
        self._thread = threading.local()
        super().__init__(client)

    def begin(self) -> list[Call]:
        """Give a list that gets every further call of this thread, until it begins another."""
        calls: list[Call] = []
        self._thread.calls = calls
        self._thread.read = []
        return calls

    def _started(
        self, params: dict[str, Any], model: OperationModel, context: dict[str, Any], **_: object
    ) -> None:
        if not self._computed:
            ask_for_units(params, model)
        elif model.name in _RETURN_VALUES:
            params.setdefault("ReturnValues", _RETURN_VALUES[model.name])
        context[_SENT] = params

    def _answered(
        self, parsed: dict[str, Any], model: OperationModel, context: dict[str, Any], **_: object
    ) -> None:
        calls: list[Call] | None = getattr(self._thread, "calls", None)
        if calls is None or model.name not in READS | WRITES:
            return
        sent = context[_SENT]
        read: _Read = self._thread.read
        if model.name == "GetItem" and "Error" not in parsed:
            read.append((sent["TableName"], sent["Key"], item_size(parsed.get("Item", {}))))
        units = None if self._computed else reported(parsed)
        if units is None:
            units = _compute(model.name, sent, parsed, read)
        first = next(iter(sent["TransactItems"][0].values())) if "TransactItems" in sent else sent
        calls.append(Call(model.name, first.get("Key") or first.get("Item") or {}, units))


def _compute(
    operation: str, sent: Mapping[str, Any], parsed: Mapping[str, Any], read: _Read
) -> float | None:
    code = parsed.get("Error", {}).get("Code")
    if operation == "TransactWriteItems" and code in (None, "TransactionCanceledException"):
        return _transaction(sent["TransactItems"], parsed.get("CancellationReasons", []), read)
    if code not in (None, "ConditionalCheckFailedException"):
        return 0.0
    if operation == "GetItem":
        # A read of nothing costs as much as one of a small item.
        units = _started_units(item_size(parsed.get("Item", {})), READ_UNIT_BYTES)
        return float(units) if sent.get("ConsistentRead") else units / 2
    if operation in _RETURN_VALUES:
        # The larger of the old and the new item counts, also when the condition failed; the old
        # one is then the answer's Item.
        items = (sent.get("Item", {}), parsed.get("Attributes", {}), parsed.get("Item", {}))
        return float(_started_units(max(map(item_size, items)), WRITE_UNIT_BYTES))
    return None


def _transaction(
    actions: Sequence[Mapping[str, Any]], reasons: Sequence[Mapping[str, Any]], read: _Read
) -> float | None:
    units = 0.0
    for number, action in enumerate(actions):
        ((kind, sent),) = action.items()
        # Where a condition failed, the old item may be in the reason.
        failed = reasons[number].get("Item") if reasons else None
        old = _size_read(sent, read) if failed is None else item_size(failed)
        if kind not in ("Put", "Delete") or (kind == "Delete" and old is None):
            return None
        # Twice, because each item is written to prepare the transaction and to commit it.
        largest = max(item_size(sent.get("Item", {})), old or 0)
        units += 2 * _started_units(largest, WRITE_UNIT_BYTES)
    return units


def _size_read(sent: Mapping[str, Any], read: _Read) -> int | None:
    target = sent.get("Key") or sent.get("Item") or {}
    for table, key, size in reversed(read):
        if table == sent["TableName"] and all(target.get(n) == v for n, v in key.items()):
            return size
    return None


def _started_units(size: int, unit: int) -> int:
    return max(1, math.ceil(size / unit))
