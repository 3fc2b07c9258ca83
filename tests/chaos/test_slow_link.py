"""Many requests save one session at once over a slow link: none of them gets a conflict."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from tests.chaos.proxy import Exchange, Fault, FaultProxy, Plan
from tests.sessions.crowd import HANGS, Crowd, Order
from tests.sessions.site import Site, store, values

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: The link is slow, and must not look like a silent store on a busy machine.
PATIENT = {"connect_timeout": 60, "read_timeout": 60, "max_attempts": 1}


def slow(seconds: float, together: int = 1) -> Fault:
    """Make a fault: a round trip takes so much longer.

    :param together: how many requests must have come before the first is passed on.
    """
    all_here, requests = asyncio.Event(), 0

    async def delay(exchange: Exchange) -> None:
        nonlocal requests
        requests += 1
        if requests >= together:
            all_here.set()
        await all_here.wait()
        await asyncio.sleep(seconds / 2)
        answer = b"".join(await exchange.forward())
        await asyncio.sleep(seconds / 2)
        await exchange.reply(answer)

    return delay


def save_at_once(sites: Sequence[Site], cookie: str) -> list[BaseException | None]:
    """Make a request to each site that sets a key of its own; all have loaded before any saves."""
    loaded = threading.Barrier(len(sites))

    def request(number: int) -> None:
        def action(session: Any) -> None:
            values(session)
            loaded.wait(HANGS)
            session[f"key-{number}"] = True
            session.save()

        sites[number](action, cookie)

    with ThreadPoolExecutor(len(sites)) as threads:
        futures = [threads.submit(request, number) for number in range(len(sites))]
    return [future.exception() for future in futures]


@pytest.mark.parametrize("middleware", ["beaker", "ours"])
@pytest.mark.parametrize(("threads", "seconds"), [(60, 0.03), (20, 0.3)])
def test_threads_of_one_process(
    through: Mapping[str, object],
    proxy: FaultProxy,
    middleware: str,
    threads: int,
    seconds: float,
) -> None:
    site = Site(middleware, {**through, **PATIENT})
    cookie = site(store(name="Ada")).cookie
    plan = proxy.inject(Plan(slow(seconds, threads), operations=["PutItem"]))
    assert [None] * threads == save_at_once([site] * threads, cookie)
    proxy.heal()
    kept = {f"key-{number}": True for number in range(threads)}
    assert {"name": "Ada", **kept} == site(values, cookie).result
    # One each, and a few for all: without combining, each of them would need a second one.
    assert threads < plan.requests < 2 * threads


def test_twenty_clients_that_know_nothing_of_each_other(
    through: Mapping[str, object], proxy: FaultProxy
) -> None:
    """As twenty processes: each with a client of its own, and one save."""
    sites = [
        Site("beaker", {**through, **PATIENT, "read_timeout": 60 + number}) for number in range(20)
    ]
    cookie = sites[0](store(name="Ada")).cookie
    proxy.inject(Plan(slow(0.3)))
    assert [None] * 20 == save_at_once(sites, cookie)
    proxy.heal()
    kept = {f"key-{number}": True for number in range(20)}
    assert {"name": "Ada", **kept} == sites[0](values, cookie).result


@pytest.mark.full
def test_twenty_processes(through: Mapping[str, object], proxy: FaultProxy) -> None:
    options = {**through, **PATIENT}
    site = Site("beaker", options)
    cookie = site(store(name="Ada")).cookie
    keys = [f"key-{number}" for number in range(20)]
    with Crowd(20, conflict_seconds=None) as crowd:
        crowd.load(Order("beaker", options, cookie, list(keys)))
        proxy.inject(Plan(slow(0.3)))
        crowd.go()
        assert {"done"} == crowd.results()
    proxy.heal()
    assert {"name": "Ada", **dict.fromkeys(keys, True)} == site(values, cookie).result
