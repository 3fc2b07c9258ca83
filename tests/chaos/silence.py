"""Print how long requests wait for a store that has gone silent: ``python -m tests.chaos.silence``.

All options are the defaults, and the pauses between two tries are botocore's own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from beaker.cache import CacheManager

from beaker_dynamodb import StoreUnavailable
from beaker_dynamodb.ops.local import EmbeddedDynamoDB
from tests.chaos.faults import silence
from tests.chaos.load import SITES
from tests.chaos.proxy import FaultProxy, Plan
from tests.conftest import pytest_configure
from tests.servers.endpoint import Endpoint
from tests.sessions.site import Action, Site, log_out, store, values

ACTIONS = {"read": values, "write": store(a=1), "log out": log_out}
#: Does something, and calls its argument when the store is to go silent.
Scene = Callable[[Callable[[], object]], object]


def session(middleware: str, options: Mapping[str, Any], action: Action, *, later: bool) -> Scene:
    """Make a request; the store goes silent before it, or once the session is loaded."""
    site = Site(middleware, {**options, **SITES[middleware]})
    cookie = site(store(name="Ada")).cookie

    def scene(go_silent: Callable[[], object]) -> None:
        def act(session: Any) -> None:
            if later:
                values(session)
                go_silent()
            action(session)

        if not later:
            go_silent()
        site(act, cookie)

    return scene


def cached(options: Mapping[str, Any], *, later: bool) -> Scene:
    """Make a missing value; the store goes silent before it, or while it is made."""
    cache = CacheManager(type="ext:dynamodb", **options).get_cache("pages")
    assert "any" not in cache

    def scene(go_silent: Callable[[], object]) -> None:
        if not later:
            go_silent()
        cache.get("key", createfunc=go_silent if later else bool)

    return scene


def scenes(options: Mapping[str, Any]) -> dict[str, Scene]:
    """Give what is timed, by name."""
    found = {}
    for middleware in SITES:
        for name, action in ACTIONS.items():
            scene = session(middleware, options, action, later=False)
            found[f"{middleware} middleware: {name}"] = scene
        write = session(middleware, options, store(a=1), later=True)
        found[f"{middleware} middleware: write, silence after the read"] = write
    for on_error in ("raise", "miss"):
        more = {**options, "on_error": on_error}
        name = f"cache, on_error = {on_error}"
        # Each of its own: a store remembers that it was silent.
        found[f"{name}: get"] = cached({**more, "prefix": f"{on_error} 1"}, later=False)
        found[f"{name}: get, silence while the value is made"] = cached(
            {**more, "prefix": f"{on_error} 2"}, later=True
        )
    return found


def main() -> None:
    """Print a table."""
    pytest_configure()  # cut off from the developer's AWS account, as tests are
    print("| request | seconds | |", "|---|---|---|", sep="\n")
    with EmbeddedDynamoDB() as server, FaultProxy(server.endpoint_url) as proxy:
        options = {**Endpoint("moto", proxy.url).options, "table_name": "silence"}
        for name, scene in scenes(options).items():
            try:
                began = time.monotonic()
                scene(lambda: proxy.inject(Plan(silence)))
                told = "gives a value"
            except StoreUnavailable:
                told = "StoreUnavailable"
            print(f"| {name} | {time.monotonic() - began:.2f} | {told} |", flush=True)
            proxy.inject(Plan(silence, 0))


if __name__ == "__main__":
    main()
