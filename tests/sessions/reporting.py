"""What the tests of events share: options and a visitor whose events are in `reported`."""

from __future__ import annotations

from typing import Any

import pytest

from beaker_dynamodb import DynamoDBSession, SessionEvent
from tests.sessions.driven import Visitor


@pytest.fixture
def reported() -> list[SessionEvent]:
    return []


@pytest.fixture
def options(moved: dict[str, Any], reported: list[SessionEvent]) -> dict[str, Any]:
    return {**moved, "on_event": reported.append}


@pytest.fixture
def visitor(options: dict[str, Any], reported: list[SessionEvent]) -> Visitor:
    """A visitor with a session, whose creation is not in `reported`."""
    visitor = Visitor(options, DynamoDBSession)
    visitor.starts(a=1)
    reported.clear()
    return visitor
