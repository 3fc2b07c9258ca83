"""A store that takes connections and never answers: bounded by what is configured."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from beaker.cache import CacheManager

from beaker_dynamodb import StoreUnavailable
from beaker_dynamodb.config import Options
from tests.chaos.faults import READ_TIMEOUT_SECONDS, silence
from tests.chaos.load import SITES
from tests.chaos.proxy import Plan
from tests.sessions.site import Site, log_out, store, values

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.chaos.proxy import FaultProxy

ATTEMPTS = 3


@pytest.fixture
def silent(through: dict[str, object]) -> dict[str, object]:
    """Options of somebody who does not wait long."""
    return {**through, "read_timeout": READ_TIMEOUT_SECONDS, "max_attempts": ATTEMPTS}


def count(proxy: FaultProxy, request: Callable[[], object]) -> int:
    """Make a request, which fails, and give how often the store was asked."""
    plan = proxy.inject(Plan(silence))
    with pytest.raises(StoreUnavailable, match="ReadTimeoutError") as caught:
        request()
    assert caught.value.operation is not None
    return plan.requests


@pytest.mark.parametrize("middleware", SITES)
@pytest.mark.parametrize("action", [values, store(a=1), log_out], ids=["read", "write", "log out"])
def test_a_request_asks_as_often_as_configured(
    proxy: FaultProxy,
    silent: dict[str, object],
    middleware: str,
    action: Any,
    record_property: Callable[[str, object], None],
) -> None:
    """It fails after `max_attempts` tries, each on a connection of its own, and not later."""
    site = Site(middleware, {**silent, **SITES[middleware]})
    cookie = site(store(name="Ada")).cookie
    before, started = proxy.connections, time.monotonic()
    assert ATTEMPTS == count(proxy, lambda: site(action, cookie))
    record_property("seconds", round(time.monotonic() - started, 3))
    # The first try is made on the connection that was there.
    assert proxy.connections - before <= ATTEMPTS


def test_a_cache_asks_as_often_as_configured(proxy: FaultProxy, silent: dict[str, object]) -> None:
    """One that cannot be read makes no value, and takes no lock."""
    cache = CacheManager(type="ext:dynamodb", **silent).get_cache("pages")
    assert 1 == cache.get("a", createfunc=lambda: 1)
    made: list[str] = []
    assert ATTEMPTS == count(proxy, lambda: cache.get("b", createfunc=lambda: made.append("b")))
    assert [] == made


def test_the_defaults_allow_nine_seconds() -> None:
    """Tries times time-outs, beside which botocore's pauses between them are short."""
    defaults = Options()
    assert 9.0 == defaults.max_attempts * (defaults.connect_timeout + defaults.read_timeout)
