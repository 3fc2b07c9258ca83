"""Threads in four processes on one session, through the whole WSGI stack, on DynamoDB Local."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests.sessions.crowd import Crowd, Order
from tests.sessions.driven import stored_sessions
from tests.sessions.site import ENCRYPTED, Site, log_out, store, values

if TYPE_CHECKING:
    from tests.servers.endpoint import Endpoint

PROCESSES = 4
WRITERS = 200
IN_FLIGHT = 50
REPETITIONS = 17

WAYS = {
    f"{middleware}-{serializer}{'-encrypted' if encrypted else ''}": (
        middleware,
        {"data_serializer": serializer, **(ENCRYPTED if encrypted else {})},
    )
    for middleware in ("beaker", "ours")
    for serializer in ("pickle", "json")
    for encrypted in (False, True)
}
#: Plain Beaker keeps the key to itself, so that nobody can merge what it has encrypted.
READABLE = [name for name in WAYS if not name.startswith("beaker") or "encrypted" not in name]


@pytest.fixture(scope="module")
def crowd() -> Iterator[Crowd]:
    """Four processes."""
    with Crowd(PROCESSES) as crowd:
        yield crowd


@pytest.fixture
def options(local_endpoint: Endpoint, table_name: str) -> dict[str, Any]:
    """Options for the test's own table on DynamoDB Local."""
    return {"table_name": table_name, **local_endpoint.options}


@pytest.mark.parametrize("way", READABLE)
def test_every_writer_is_kept(crowd: Crowd, options: dict[str, Any], way: str) -> None:
    """Of 200 requests in flight at once that each set a key of their own, no key is lost."""
    middleware, more = WAYS[way]
    options |= more
    site = Site(middleware, options)
    cookie = site(store(name="Ada")).cookie
    keys = [f"key-{number}" for number in range(WRITERS)]

    # All of them have loaded the session before the first one saves.
    crowd.load(Order(middleware, options, cookie, list(keys)))
    crowd.go()

    assert {"done"} == crowd.results()
    assert {"name": "Ada", **dict.fromkeys(keys, True)} == site(values, cookie).result


@pytest.mark.parametrize("way", READABLE)
def test_a_slow_reader_undoes_nothing(crowd: Crowd, options: dict[str, Any], way: str) -> None:
    """Requests that only read, and end after a write, leave it as it is; each wants to touch."""
    middleware, more = WAYS[way]
    options |= {**more, "touch_interval": 0}
    site = Site(middleware, options)
    cookie = site(store(name="Ada", cart=["tea"])).cookie

    crowd.load(Order(middleware, options, cookie, [None] * 2 * PROCESSES))
    site(store(name="Grace", cart=["tea", "milk"]), cookie)
    crowd.go()

    assert {"done"} == crowd.results()
    assert {"name": "Grace", "cart": ["tea", "milk"]} == site(values, cookie).result


@pytest.mark.full
@pytest.mark.parametrize("way", READABLE)
def test_a_log_out_wins(
    crowd: Crowd, options: dict[str, Any], way: str, local_endpoint: Endpoint
) -> None:
    """A log-out amid 50 requests, readers and writers, is never undone: 102 times in all ways."""
    middleware, more = WAYS[way]
    options |= {**more, "touch_interval": 0}
    site = Site(middleware, options)
    keys = [f"key-{number}" if number % 3 else None for number in range(IN_FLIGHT)]
    for _ in range(REPETITIONS):
        cookie = site(store(name="Ada")).cookie

        crowd.load(Order(middleware, options, cookie, keys))
        crowd.go()
        site(log_out, cookie)

        assert {"done"} == crowd.results()
        assert {} == site(values, cookie).result
        assert [] == list(stored_sessions(local_endpoint.client, options["table_name"]))
