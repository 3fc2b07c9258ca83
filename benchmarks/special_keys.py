"""Measures a request by number of special keys."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from benchmarks.candidates import beaker_sessions
from benchmarks.fleet import ratio, spread
from benchmarks.instant import InstantClient
from benchmarks.rounds import Part, measure, requests


def special_keys(rounds: int) -> list[dict[str, Any]]:
    """Return the cost of a request by number of special keys."""
    from beaker_dynamodb.items.item import item_size
    from beaker_dynamodb.middleware import SessionMiddleware

    def page(environ: Any, start_response: Any) -> Iterable[bytes]:
        if environ["PATH_INFO"].startswith("/begin/"):
            environ["beaker.session"].update({f"special_{n}": n for n in range(64)})
        return beaker_sessions.page(environ, start_response)

    parts: dict[str, Part] = {}
    clients = {count: InstantClient() for count in (0, 1, 8, 64)}
    for count, client in clients.items():
        settings = {
            "session.client": client,
            "session.timeout": 1800,
            "session.special_keys": ", ".join(f"special_{n}:N" for n in range(count)),
        }
        parts |= requests(str(count), SessionMiddleware(page, settings))
    measured = measure(parts, rounds)
    return [
        {
            "special_keys": count,
            "calls": [calls_of(client, parts[f"{count}: {name}"]) for name in ("read", "change")],
            "read_us": spread(measured[f"{count}: read"]),
            "read_ratio": ratio(measured[f"{count}: read"], measured["1: read"]),
            "change_us": spread(measured[f"{count}: change"]),
            "item_bytes": item_size(next(iter(client.items.values()))),
        }
        for count, client in clients.items()
    ]


def calls_of(client: InstantClient, part: Part) -> str:
    """Return the calls that a part makes."""
    client.calls.clear()
    part()
    return ", ".join(f"{number} {name}" for name, number in sorted(client.calls.items()))
