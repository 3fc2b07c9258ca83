"""What the tests of `SessionStore` share: a store, its table and a visitor."""

from __future__ import annotations

from typing import Any

import pytest

from beaker_dynamodb import DynamoDBSession, SessionStore
from tests.clock import Clock
from tests.opening import Opener, payload
from tests.servers.endpoint import DynamoDBClient
from tests.sessions.driven import Visitor


@pytest.fixture
def options(options: dict[str, object], shape: str, clock: Clock) -> dict[str, Any]:
    return {
        **options,
        **({"sort_key": "part"} if shape == "sorted" else {}),
        "clock": clock,
        "special_keys": "userId:N:index, user.name:S:index, token:B:index, admin:BOOL",
        "skip_throw_missing_special_keys": "true",
    }


@pytest.fixture
def table(options: dict[str, Any], client: DynamoDBClient, table_name: str) -> Opener:
    return Opener(options, client, table_name)


@pytest.fixture
def store(options: dict[str, Any]) -> SessionStore:
    return SessionStore(**options)


@pytest.fixture
def visitor(options: dict[str, Any]) -> Visitor:
    return Visitor(options, DynamoDBSession)


def write(table: Opener, id: str, **data: Any) -> None:
    table(id)["session"] = payload(**data)


def ids(found: Any) -> list[str]:
    return sorted(session.id for session in found)
