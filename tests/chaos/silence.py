"""Print how long requests wait for a store that has gone silent: ``python -m tests.chaos.silence``.

All options are the defaults, and the pauses between two tries are botocore's own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from beaker.cache import CacheManager

from beaker_dynamodb import StoreUnavailable
from beaker_dynamodb.testing.local import EmbeddedDynamoDB
from tests.chaos.faults import silence
from tests.chaos.load import SITES
from tests.chaos.proxy import FaultProxy, Plan
from tests.conftest import pytest_configure
from tests.servers.endpoint import Endpoint
from tests.sessions.site import Action, Site, log_out, store, values

ACTIONS = {"read": values, "write": store(a=1), "log out": log_out}
#: Does something, and calls its argument when the store is to go silent.
Scene = Callable[[Callable[[], object]], object]


#: Prepares a scene: with options, and with others that hold only in the scene itself.
Preparation = Callable[[Mapping[str, Any], Mapping[str, Any]], Scene]


def session(middleware: str, action: Action, *, later: bool = False) -> Preparation:
    """Make a request; the store goes silent before it, or once the session is loaded."""

    def prepare(options: Mapping[str, Any], limits: Mapping[str, Any]) -> Scene:
        settings = {**options, **SITES[middleware]}
        cookie = Site(middleware, settings)(store(name="Ada")).cookie
        site = Site(middleware, {**settings, **limits})

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

    return prepare


def cached(on_error: str, *, later: bool = False) -> Preparation:
    """Make a missing value; the store goes silent before it, or while it is made."""

    def prepare(options: Mapping[str, Any], limits: Mapping[str, Any]) -> Scene:
        # A prefix of its own: a store that was silent is remembered.
        more = {"on_error": on_error, "prefix": f"{on_error} {later}"}
        assert "any" not in CacheManager(type="ext:dynamodb", **options, **more).get_cache("pages")
        settings = {**options, **limits, **more}
        cache = CacheManager(type="ext:dynamodb", **settings).get_cache("pages")

        def scene(go_silent: Callable[[], object]) -> None:
            if not later:
                go_silent()
            cache.get("key", createfunc=go_silent if later else bool)

        return scene

    return prepare


SCENES: dict[str, Preparation] = {
    **{
        f"{middleware} middleware: {name}": session(middleware, action)
        for middleware in SITES
        for name, action in ACTIONS.items()
    },
    **{
        f"{middleware} middleware: write, silence after the read": session(
            middleware, store(a=1), later=True
        )
        for middleware in SITES
    },
    **{f"cache, on_error = {on_error}: get": cached(on_error) for on_error in ("raise", "miss")},
    **{
        f"cache, on_error = {on_error}: get, silence while the value is made": cached(
            on_error, later=True
        )
        for on_error in ("raise", "miss")
    },
}


def main() -> None:
    """Print a table."""
    pytest_configure()  # cut off from the developer's AWS account, as tests are
    print("| request | seconds | |", "|---|---|---|", sep="\n")
    with EmbeddedDynamoDB() as server, FaultProxy(server.endpoint_url) as proxy:
        options = {**Endpoint("moto", proxy.url).options, "table_name": "silence"}
        for name, prepare in SCENES.items():
            scene = prepare(options, {})
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
