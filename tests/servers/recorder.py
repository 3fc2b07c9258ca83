"""Records the calls of a boto3 client: parameters, answers and cost."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from botocore.client import BaseClient
from botocore.model import OperationModel

# Where botocore's request context keeps the name and parameters of the request.
_SENT = "tests.sent"


@dataclass(frozen=True)
class Call:
    """One finished API call.

    :param operation: DynamoDB's name for it, such as ``GetItem``.
    :param params: DynamoDB's names, such as ``TableName``.
    :param response: the answer, which may be an error; empty if none arrived.
    """

    operation: str
    params: Mapping[str, Any]
    response: Mapping[str, Any]

    @property
    def error_code(self) -> str | None:
        """AWS's error code, for instance ``ConditionalCheckFailedException``, or None."""
        code: str | None = self.response.get("Error", {}).get("Code")
        return code

    @property
    def capacity_units(self) -> float:
        """Consumed capacity units in all tables; 0 if DynamoDB does not report them.

        A write whose condition failed consumes units, but does not report them.
        """
        told = self.response.get("ConsumedCapacity", [])
        tables = [told] if isinstance(told, dict) else told
        return sum(float(table["CapacityUnits"]) for table in tables)


class CallRecorder(AbstractContextManager["CallRecorder"]):
    """Records every API call of a client, from any thread, until its context ends.

    :param client: any boto3 client.
    :param ask_capacity: add ReturnConsumedCapacity to every request that has it. Only DynamoDB
        Local reports correct numbers, moto does not.
    """

    def __init__(self, client: BaseClient, *, ask_capacity: bool = False) -> None:
        self.calls: list[Call] = []
        self._ask_capacity = ask_capacity
        self._events = client.meta.events
        service = client.meta.service_model.service_id.hyphenize()
        self._handlers: dict[str, Callable[..., None]] = {
            f"before-parameter-build.{service}": self._started,
            f"after-call.{service}": self._ended,
            f"after-call-error.{service}": self._ended,
        }
        for event, handler in self._handlers.items():
            self._events.register_last(event, handler)

    def clear(self) -> None:
        self.calls.clear()

    @property
    def operations(self) -> list[str]:
        """Names of the operations, in the order of their answers."""
        return [call.operation for call in self.calls]

    @property
    def capacity_units(self) -> float:
        return sum(call.capacity_units for call in self.calls)

    def __iter__(self) -> Iterator[Call]:
        return iter(self.calls)

    def __len__(self) -> int:
        return len(self.calls)

    def __getitem__(self, index: int) -> Call:
        return self.calls[index]

    def __exit__(self, *_: object) -> None:
        for event, handler in self._handlers.items():
            self._events.unregister(event, handler)

    def _started(
        self, params: dict[str, Any], model: OperationModel, context: dict[str, Any], **_: object
    ) -> None:
        """Copy the parameters into the request context, which botocore passes on."""
        members = model.input_shape.members if model.input_shape else {}
        if self._ask_capacity and "ReturnConsumedCapacity" in members:
            params.setdefault("ReturnConsumedCapacity", "TOTAL")
        context[_SENT] = model.name, copy.deepcopy(params)

    def _ended(
        self, context: dict[str, Any], parsed: dict[str, Any] | None = None, **_: object
    ) -> None:
        operation, params = context[_SENT]
        self.calls.append(Call(operation, params, parsed or {}))
