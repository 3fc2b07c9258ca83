"""Damaged, unusual and misplaced responses are neither data nor a missing item."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from beaker_dynamodb import DynamoDBNamespaceManager, StoreUnavailable
from tests.chaos import faults
from tests.chaos.proxy import Fault, FaultProxy, Plan

#: Those that DynamoDB does not answer with an error, and that take no time.
FAULTS = [kind.fault for kind in faults.KINDS.values() if not kind.code and not kind.slow]


@pytest.mark.parametrize("transport", ["auto", "boto3"])
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_value_is_still_read_and_written(
    proxy: FaultProxy, through: dict[str, Any], fault: Fault, transport: str
) -> None:
    cache = DynamoDBNamespaceManager("n", **through, transport=transport)
    cache[b"k"] = "value"
    assert "value" == cache[b"k"]  # over a kept connection from now on
    # boto3 takes a response whose head is cut as one without a length, and does not retry.
    may_fail = fault is faults.cut_head and transport == "boto3"
    permitted: Any = StoreUnavailable if may_fail else ()
    plan = proxy.inject(Plan(fault, first=1))
    with suppress(permitted):
        assert "value" == cache[b"k"]
    assert ["value"] * 2 == [cache[b"k"] for _ in range(2)]
    assert 1 == plan.faults
    plan = proxy.inject(Plan(fault, first=1))
    with suppress(permitted):
        cache[b"k"] = "other"
    assert ["other"] * 2 == [cache[b"k"] for _ in range(2)]
    assert 1 == plan.faults
