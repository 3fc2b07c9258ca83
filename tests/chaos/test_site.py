"""A real web server whose store fails keeps serving, and its users stay logged in."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.chaos.faults import silence
from tests.chaos.proxy import Exchange, Plan
from tests.chaos.site import FAILURES, visited


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
        await silence(exchange)

    with visited(server) as (proxy, load):
        wait_until(lambda: len(load.pages["/session"].answered) >= 100)
        proxy.inject(Plan(count))
        load.next_phase()
        wait_until(lambda: len(load.pages["/session"].refused) >= 200)
        during = load.pages
        assert len(sent) <= 10
        assert len(during["/plain"].answered) >= len(during["/session"].refused) / 8
        proxy.inject(Plan(silence, 0))
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
        proxy.inject(Plan(silence, 0))
        load.next_phase()
        wait_until(lambda: len(load.pages["/session"].answered) >= 50)
    assert 0 == load.restarts
