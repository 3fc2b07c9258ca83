"""Print how long requests wait if the store stops answering: ``python -m tests.chaos.silence``.

All options are the defaults, and botocore's pauses between retries are not shortened.
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
#: Makes a request, and calls its argument to silence the store.
Scene = Callable[[Callable[[], object]], object]
#: Prepares a scene with options, and with additional options for the scene's request only.
Preparation = Callable[[Mapping[str, Any], Mapping[str, Any]], Scene]


def session(middleware: str, action: Action, *, later: bool = False) -> Preparation:
    """Return a request that uses a session.

    :param later: silence the store after the session is loaded, not before the request.
    """

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
    """Return a request that computes a missing value.

    :param later: silence the store during the computation, not before the request.
    """

    def prepare(options: Mapping[str, Any], limits: Mapping[str, Any]) -> Scene:
        # A separate prefix, as outages are remembered.
        extra = {"on_error": on_error, "prefix": f"{on_error} {later}"}
        assert "any" not in CacheManager(type="ext:dynamodb", **options, **extra).get_cache("pages")
        settings = {**options, **limits, **extra}
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
        f"cache, on_error = {on_error}: get, silence during the computation": cached(
            on_error, later=True
        )
        for on_error in ("raise", "miss")
    },
}


def main() -> None:
    pytest_configure()  # isolate from the developer's AWS account, as tests do
    print("| request | seconds | |", "|---|---|---|", sep="\n")
    with EmbeddedDynamoDB() as server, FaultProxy(server.endpoint_url) as proxy:
        options = {**Endpoint("moto", proxy.url).options, "table_name": "silence"}
        for name, prepare in SCENES.items():
            scene = prepare(options, {})
            try:
                began = time.monotonic()
                scene(lambda: proxy.inject(Plan(silence)))
                result = "gives a value"
            except StoreUnavailable:
                result = "StoreUnavailable"
            print(f"| {name} | {time.monotonic() - began:.2f} | {result} |", flush=True)
            proxy.inject(Plan(silence, 0))


if __name__ == "__main__":
    main()
