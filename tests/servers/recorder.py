"""What a boto3 client really sends: counted calls, their parameters, answers and cost."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import TracebackType

    from botocore.client import BaseClient
    from botocore.model import OperationModel
    from typing_extensions import Self

# Where the name and parameters of a request travel in botocore's context of it.
_SENT = "tests.sent"


@dataclass(frozen=True)
class Call:
    """One finished API call.

    ``operation`` and ``params`` are in DynamoDB's own words (``GetItem``, ``TableName``);
    ``response`` is the answer, an error's included; ``exception`` is set, and ``response`` empty,
    where there was no answer at all.
    """

    operation: str
    params: Mapping[str, Any]
    response: Mapping[str, Any]
    exception: Exception | None = None

    @property
    def error_code(self) -> str | None:
        """AWS's error code, for instance ``ConditionalCheckFailedException``; None on success."""
        code: str | None = self.response.get("Error", {}).get("Code")
        return code

    @property
    def retries(self) -> int:
        """How often botocore sent the request again."""
        retries: int = self.response.get("ResponseMetadata", {}).get("RetryAttempts", 0)
        return retries

    @property
    def capacity_units(self) -> float:
        """Capacity units consumed, in all tables; 0 where DynamoDB was not asked or did not say.

        A write whose condition failed consumes units without saying how many.
        """
        told = self.response.get("ConsumedCapacity", [])
        tables = [told] if isinstance(told, dict) else told
        return sum(float(table["CapacityUnits"]) for table in tables)


class CallRecorder(AbstractContextManager["CallRecorder"]):
    """Records every API call of a client, from any thread, from construction until closed.

    ::

        with CallRecorder(client) as calls:
            ...
        assert calls.operations == ["GetItem"]

    :param client: any boto3 client.
    :param ask_capacity: have every request that can ask for it report the capacity it consumes,
        whether its sender asked or not. Only DynamoDB Local tells the truth, moto does not.
    """

    def __init__(self, client: BaseClient, *, ask_capacity: bool = False) -> None:
        self.calls: list[Call] = []
        self._ask_capacity = ask_capacity
        self._events = client.meta.events
        service = client.meta.service_model.service_id.hyphenize()
        self._handlers: dict[str, Callable[..., None]] = {
            f"before-parameter-build.{service}": self._started,
            f"after-call.{service}": self._answered,
            f"after-call-error.{service}": self._failed,
        }
        for event, handler in self._handlers.items():
            self._events.register_last(event, handler)

    def close(self) -> None:
        """Stop recording; what was recorded stays."""
        for event, handler in self._handlers.items():
            self._events.unregister(event, handler)

    def clear(self) -> None:
        """Forget what was recorded so far."""
        self.calls.clear()

    @property
    def operations(self) -> list[str]:
        """The names of the operations, in the order in which they finished."""
        return [call.operation for call in self.calls]

    @property
    def capacity_units(self) -> float:
        """The capacity units that all the calls consumed."""
        return sum(call.capacity_units for call in self.calls)

    def __iter__(self) -> Iterator[Call]:
        return iter(self.calls)

    def __len__(self) -> int:
        return len(self.calls)

    def __getitem__(self, index: int) -> Call:
        return self.calls[index]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _started(
        self, params: dict[str, Any], model: OperationModel, context: dict[str, Any], **_: object
    ) -> None:
        """Keep a copy of the parameters beside the request; botocore hands `context` on."""
        members = model.input_shape.members if model.input_shape else {}
        if self._ask_capacity and "ReturnConsumedCapacity" in members:
            params.setdefault("ReturnConsumedCapacity", "TOTAL")
        context[_SENT] = model.name, copy.deepcopy(params)

    def _answered(self, parsed: dict[str, Any], context: dict[str, Any], **_: object) -> None:
        operation, params = context[_SENT]
        self.calls.append(Call(operation, params, parsed))

    def _failed(self, exception: Exception, context: dict[str, Any], **_: object) -> None:
        operation, params = context[_SENT]
        self.calls.append(Call(operation, params, {}, exception))
