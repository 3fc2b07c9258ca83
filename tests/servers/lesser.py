"""Servers with fewer features than DynamoDB, such as dynalite; and requests that are sent twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

from botocore.awsrequest import AWSResponse

from tests.servers.endpoint import DynamoDBClient

UNKNOWN_OPERATION = b'{"__type": "com.amazon.coral.service#UnknownOperationException"}'
#: The error of a table that is strongly consistent across Regions.
NO_TRANSACTIONS = (
    b'{"__type": "com.amazon.coral.validate#ValidationException", "message": '
    b'"Transactional operations are not supported on multi-Region strongly consistent tables"}'
)


class _Body:
    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, *_: object, **__: object) -> list[bytes]:
        return [self._body]


@contextmanager
def lesser(
    client: DynamoDBClient, refusal: bytes = UNKNOWN_OPERATION, times: int | None = None
) -> Iterator[None]:
    """Simulate a server without transactions and without items in failed conditions.

    :param refusal: its answer to a transaction.
    :param times: number of transactions it refuses; default: all.
    """
    refusals = count() if times is None else iter(range(times))

    def refuse(request: Any, **_: object) -> Any:
        if next(refusals, None) is None:
            return None
        return AWSResponse(request.url, 400, {}, _Body(refusal))  # type: ignore[arg-type]

    def strip(parsed: Any, **_: object) -> None:
        if "Error" in parsed:
            parsed.pop("Item", None)

    handlers: dict[str, Any] = {
        "before-send.dynamodb.TransactWriteItems": refuse,
        **dict.fromkeys(
            (f"after-call.dynamodb.{name}" for name in ("PutItem", "UpdateItem", "DeleteItem")),
            strip,
        ),
    }
    for event, handler in handlers.items():
        client.meta.events.register_first(event, handler)
    try:
        yield
    finally:
        for event, handler in handlers.items():
            client.meta.events.unregister(event, handler)


def sent_twice(client: DynamoDBClient, between: Callable[[], object] = bool) -> None:
    """Send the next PutItem twice, as botocore does if an answer is lost.

    :param between: called after the first time.
    """
    event = "before-parameter-build.dynamodb.PutItem"

    def send_before(params: dict[str, Any], **_: object) -> None:
        client.meta.events.unregister(event, send_before)
        client.put_item(**params)
        between()

    client.meta.events.register(event, send_before)
