"""A store that takes connections and never answers: bounded by what is configured."""

from __future__ import annotations

import time
from contextlib import nullcontext
from typing import TYPE_CHECKING

import pytest

from beaker_dynamodb import StoreUnavailable
from beaker_dynamodb.config.parse import Options
from tests.chaos.faults import READ_TIMEOUT_SECONDS, silence
from tests.chaos.proxy import Plan
from tests.chaos.silence import SCENES
from tests.servers.endpoint import create_table

if TYPE_CHECKING:
    from collections.abc import Callable

    from types_boto3_dynamodb import DynamoDBClient

    from tests.chaos.proxy import FaultProxy

ATTEMPTS = 3


# Whose silence it is makes no difference: the server never hears of the calls.
@pytest.mark.parametrize("name", SCENES)
def test_a_request_asks_as_often_as_configured(
    proxy: FaultProxy,
    through: dict[str, object],
    client: DynamoDBClient,
    table_name: str,
    name: str,
    record_property: Callable[[str, object], None],
) -> None:
    """It ends after `max_attempts` tries of one call, each on a connection of its own."""
    create_table(client, table_name)
    # What is answered before the silence, on a machine that is busy, has longer.
    seconds = 5 * READ_TIMEOUT_SECONDS if "silence" in name else READ_TIMEOUT_SECONDS
    limits = {"read_timeout": seconds, "max_attempts": ATTEMPTS}
    scene = SCENES[name](through, limits)
    plan, before, started = Plan(silence), 0, 0.0

    def go_silent() -> None:
        nonlocal before, started
        before, started = proxy.connections, time.monotonic()
        proxy.inject(plan)

    fails = pytest.raises(StoreUnavailable, match="ReadTimeoutError")
    with nullcontext() if "miss" in name else fails as caught:
        scene(go_silent)
    record_property("seconds", round(time.monotonic() - started, 3))
    assert ATTEMPTS == plan.requests
    # The first try may be made on a connection that was there.
    assert proxy.connections - before <= ATTEMPTS
    assert caught is None or caught.value.operation is not None


def test_the_defaults_allow_nine_seconds() -> None:
    """Tries times time-outs, beside which botocore's pauses between them are short."""
    defaults = Options()
    assert 9.0 == defaults.max_attempts * (defaults.connect_timeout + defaults.read_timeout)
