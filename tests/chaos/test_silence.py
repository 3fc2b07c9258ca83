"""A server that never answers: options limit how long requests wait."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ReadTimeoutError

from beaker_dynamodb import DynamoDBNamespaceManager, StoreUnavailable
from beaker_dynamodb.config.parse import Options
from beaker_dynamodb.dynamodb.client_factory import CONNECT_SECONDS
from tests.chaos.load import short_pauses
from tests.chaos.silence import SCENES
from tests.servers.endpoint import create_table

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

ATTEMPTS = 3


@pytest.mark.parametrize("name", SCENES)
def test_a_request_sends_max_attempts_requests(
    options: dict[str, object], client: DynamoDBClient, table_name: str, name: str
) -> None:
    create_table(client, table_name)
    limits = {"max_attempts": ATTEMPTS, "read_timeout": 1.5}  # a separate client
    events = DynamoDBNamespaceManager("any", **options, **limits).client.meta.events
    sent: list[int] = []

    def time_out(**_: object) -> None:
        sent.append(1)
        raise ReadTimeoutError(endpoint_url="the server")

    scene = SCENES[name](options, limits)
    fails = pytest.raises(StoreUnavailable, match="within read_timeout")
    try:
        with short_pauses(), nullcontext() if "miss" in name else fails as caught:
            scene(lambda: events.register("before-send.dynamodb", time_out))
    finally:
        events.unregister("before-send.dynamodb", time_out)
    assert len(sent) == ATTEMPTS
    assert caught is None or caught.value.operation is not None


def test_the_default_timeouts_allow_nine_seconds() -> None:
    defaults = Options()
    assert defaults.max_attempts * (CONNECT_SECONDS + defaults.read_timeout) == 9.0
