"""A server that never answers: options limit how long requests wait."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from beaker_dynamodb import DynamoDBNamespaceManager, StoreUnavailable
from beaker_dynamodb.config.parse import Options, parse
from beaker_dynamodb.dynamodb.client_factory import CONNECT_SECONDS
from tests.chaos.load import SITES, short_pauses
from tests.chaos.silence import SCENES
from tests.clock import Clock
from tests.dynamodb.breakers import without_probes
from tests.servers.endpoint import DynamoDBClient, create_table
from tests.sessions.site import Site, store

ATTEMPTS = 3


class Silence:
    """A server that stops answering. Each attempt takes the whole `read_timeout`."""

    def __init__(self, options: dict[str, Any]) -> None:
        parsed = parse(options)
        self.clock = Clock()
        without_probes(parsed, self.clock)
        self.sent = 0
        self._seconds = parsed.read_timeout
        self._events = DynamoDBNamespaceManager("any", **options).client.meta.events

    def begin(self) -> None:
        self._events.register("before-send.dynamodb", self._time_out)

    def end(self) -> None:
        self._events.unregister("before-send.dynamodb", self._time_out)

    def _time_out(self, **_: object) -> None:
        self.sent += 1
        self.clock.advance(self._seconds)
        raise ReadTimeoutError(endpoint_url="the server")


@pytest.fixture
def limits() -> dict[str, object]:
    return {"max_attempts": ATTEMPTS, "read_timeout": 1.5}  # a separate client


@pytest.fixture
def silence(
    options: dict[str, Any], client: DynamoDBClient, table_name: str, limits: dict[str, Any]
) -> Iterator[Silence]:
    create_table(client, table_name)
    silence = Silence({**options, **limits})
    yield silence
    silence.end()


@pytest.mark.parametrize("name", SCENES)
def test_a_request_sends_max_attempts_requests(
    options: dict[str, object], limits: dict[str, object], silence: Silence, name: str
) -> None:
    scene = SCENES[name](options, limits)
    fails = pytest.raises(StoreUnavailable, match="within read_timeout")
    with short_pauses(), nullcontext() if "miss" in name else fails as caught:
        scene(silence.begin)
    assert silence.sent == ATTEMPTS
    assert caught is None or caught.value.operation is not None


@pytest.mark.parametrize("middleware", SITES)
def test_a_request_whose_layers_catch_the_error_waits_once(
    options: dict[str, Any], limits: dict[str, object], silence: Silence, middleware: str
) -> None:
    settings = {**options, **limits, **SITES[middleware]}
    cookie = Site(middleware, settings)(store(name="Ada")).cookie

    def access(session: Any) -> None:
        for access in (
            lambda: session["name"],
            lambda: session.get("name"),
            lambda: "name" in session,
            lambda: session.setdefault("name", "Eve"),
        ):
            with pytest.raises(StoreUnavailable):
                access()

    silence.begin()
    with short_pauses():
        Site(middleware, settings)(access, cookie)
    assert silence.sent == ATTEMPTS


def test_the_default_timeouts_allow_nine_seconds() -> None:
    defaults = Options()
    assert defaults.max_attempts * (CONNECT_SECONDS + defaults.read_timeout) == 9.0
