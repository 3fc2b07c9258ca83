"""What the tests of log-ins share: options, a log-in, and what is stored of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from beaker_dynamodb import DynamoDBSession, SessionStore
from beaker_dynamodb.items.store import ItemStore
from tests.clock import Clock
from tests.servers.endpoint import DynamoDBClient
from tests.sessions.driven import Visitor

#: Options under which assigning ``userId`` is a log-in.
USER = {
    "special_keys": "userId:N:index",
    "skip_throw_missing_special_keys": True,
    "user_key": "userId",
}


@pytest.fixture
def options(options: dict[str, Any], clock: Clock) -> dict[str, Any]:
    return {**options, **USER, "clock": clock}


@pytest.fixture
def visitor(options: dict[str, Any]) -> Visitor:
    visitor = Visitor(options, DynamoDBSession)
    visitor.starts(csrf="token")
    return visitor


def log_in(options: dict[str, Any], **extra: Any) -> Any:
    session = Visitor({**options, **extra}, DynamoDBSession).request()
    session["userId"] = 42
    session.save()
    return session


def alive(options: dict[str, Any]) -> list[str]:
    found = SessionStore(**options).sessions(userId=42)
    return sorted(session.id for session in found)


def listed(client: DynamoDBClient, options: dict[str, Any]) -> list[str]:
    items = client.scan(TableName=options["table_name"], ConsistentRead=True)["Items"]
    (item,) = (one for one in items if one["type"]["S"] == "beaker-user")
    return list(json.loads(bytes(item["data"]["B"]))["sessions"])


@contextmanager
def before_write(number: int, act: Callable[[], object]) -> Iterator[None]:
    """Call ``act`` before the write with this number, from 0; its own calls are not counted."""
    real, left = ItemStore.call, [number]

    def call(items: ItemStore, method: str, **params: Any) -> Any:
        if method in ("put_item", "transact_write_items") and left:
            left[0] -= 1
            if left[0] < 0:
                left.clear()
                act()
        return real(items, method, **params)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ItemStore, "call", call)
        yield
