"""Fixtures of these tests: options with special keys, and a clock that no sweeper overtakes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.opening import Opener
from tests.sessions.conftest import clock  # noqa: F401  # a fixture

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

    from tests.clock import Clock


@pytest.fixture
def options(
    options: dict[str, object],
    shape: str,
    clock: Clock,  # noqa: F811
) -> dict[str, Any]:
    """Options for the test's own table, with the clock and special keys."""
    sort_key: dict[str, object] = {"sort_key": "part"} if shape == "sorted" else {}
    return {
        **options,
        **sort_key,
        "clock": clock,
        "special_keys": "userId:N:index, user.name:S:index, token:B:index, admin:BOOL",
        "skip_throw_missing_special_keys": "true",
    }


@pytest.fixture
def table(options: dict[str, Any], client: DynamoDBClient, table_name: str) -> Opener:
    """The test's table, looked at behind the package's back."""
    return Opener(options, client, table_name)
