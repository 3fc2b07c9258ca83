"""A store that stops answering: how long requests wait, and a web server that keeps serving."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from beaker_dynamodb import DynamoDBNamespaceManager, StoreUnavailable
from beaker_dynamodb.config.options import Options
from beaker_dynamodb.config.parse import parse
from beaker_dynamodb.dynamodb.client_factory import CONNECT_SECONDS
from tests.chaos import faults
from tests.chaos.load import SITES, short_pauses
from tests.chaos.proxy import Exchange, Plan
from tests.chaos.silence import SCENES
from tests.chaos.site import FAILURES, visited
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


def wait_until(condition: Callable[[], bool]) -> None:
    while not condition():
        time.sleep(0.02)


@pytest.mark.full
@pytest.mark.parametrize("server", ["waitress", "gunicorn"])
def test_the_store_goes_silent(server: str) -> None:
    pytest.importorskip(server)
    sent = []

    async def count(exchange: Exchange) -> None:
        if b"|probe" not in exchange.request:
            sent.append(exchange)
        await faults.silence(exchange)

    with visited(server) as (proxy, load):
        wait_until(lambda: len(load.pages["/session"].answered) >= 100)
        proxy.inject(Plan(count))
        load.next_phase()
        wait_until(lambda: len(load.pages["/session"].refused) >= 200)
        during = load.pages
        assert len(sent) <= 10
        assert len(during["/plain"].answered) >= len(during["/session"].refused) / 8
        proxy.inject(Plan(faults.silence, 0))
        load.next_phase()
        wait_until(lambda: len(load.pages["/session"].answered) >= 100)
    assert 0 == load.restarts


@pytest.mark.full
@pytest.mark.parametrize("failure", [name for name in FAILURES if name != "silence"])
def test_the_store_fails_otherwise(failure: str) -> None:
    with visited("waitress") as (proxy, load):
        wait_until(lambda: len(load.pages["/session"].answered) >= 50)
        proxy.inject(FAILURES[failure]())
        load.next_phase()
        wait_until(lambda: len(load.pages["/session"].refused) >= 100)
        assert load.pages["/plain"].answered
        proxy.inject(Plan(faults.silence, 0))
        load.next_phase()
        wait_until(lambda: len(load.pages["/session"].answered) >= 50)
    assert 0 == load.restarts
