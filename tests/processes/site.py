"""The application that the servers run; its options come through the environment as JSON."""

from __future__ import annotations

import json
import os
from typing import Any

from beaker.cache import CacheManager

from beaker_dynamodb import DynamoDBNamespaceManager
from beaker_dynamodb.middleware import SessionMiddleware

OPTIONS: dict[str, Any] = json.loads(os.environ["SITE_OPTIONS"])
MADE_BY = os.getpid()
CLIENT = id(DynamoDBNamespaceManager("any", **OPTIONS).client)

# With --preload all this happens in the process that then forks: a connection is in use, and the
# thread that renews locks runs.
cache = CacheManager(type="ext:dynamodb", expire=60, **OPTIONS).get_cache("pages")
cache.get("of-the-parent", createfunc=lambda: "made")


def visits(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """Count visits in the session, read the cache, and say how this process was created."""
    session = environ["beaker.session"]
    session["visits"] = session.get("visits", 0) + 1
    session.save()
    said = {
        "visits": session["visits"],
        "process": os.getpid(),
        "imported here": os.getpid() == MADE_BY,
        "client of the parent": id(DynamoDBNamespaceManager("any", **OPTIONS).client) == CLIENT,
        "cached": cache.get(f"of-{os.getpid()}", createfunc=os.getpid) == os.getpid(),
    }
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(said).encode()]


application = SessionMiddleware(
    visits, {f"session.{name}": value for name, value in OPTIONS.items()}, type="ext:dynamodb"
)
