"""Breaks down the processor time of one request: ``python -m benchmarks.parts URL ROUNDS``.

URL is the address of a store that answers immediately. Prints JSON: microseconds per part, derived
values, and the same by number of special keys. It measures processor time in its own process, with
the parts in turn in every round.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from benchmarks.candidates import beaker_sessions
from benchmarks.driver import InProcess
from benchmarks.fleet import create_table, dynamodb_client, ratio, spread
from benchmarks.instant import InstantClient
from benchmarks.load import Client
from benchmarks.plan import MIDDLE_KB
from benchmarks.store import ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY, Store
from benchmarks.workload import CHANGE_EVERY

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

#: Calls of a part in one round.
CALLS = 10
TABLE = "sessions-parts"

Part = Callable[[], object]
#: Microseconds by part, one value per round.
Measured = dict[str, list[float]]


def measure(parts: dict[str, Part], rounds: int) -> Measured:
    """Return the microseconds of processor time of each part."""
    measured: Measured = {name: [] for name in parts}
    for part in parts.values():
        part()
    for _ in range(rounds):
        for name, part in parts.items():
            # The previous part has filled the processor's caches.
            for _ in range(3):
                part()
            begun = time.process_time()
            for _ in range(CALLS):
                part()
            measured[name].append((time.process_time() - begun) / CALLS * 1e6)
    return measured


def derived(measured: Measured) -> dict[str, dict[str, float]]:
    """Return what this package adds to Beaker in microseconds, and the store's share of a call.

    Of each round by itself: what slows the machine for a while then slows both sides.
    """

    def mixed(read: str, change: str) -> list[float]:
        pairs = zip(measured[read], measured[change], strict=True)
        return [reads + (changes - reads) / CHANGE_EVERY for reads, changes in pairs]

    def request(name: str) -> list[float]:
        return mixed(f"request, {name}: read", f"request, {name}: change")

    def calls(by: str) -> list[float]:
        # One GetItem, and a tenth of a PutItem.
        pairs = zip(measured[f"GetItem by {by}"], measured[f"PutItem by {by}"], strict=True)
        return [get + put / CHANGE_EVERY for get, put in pairs]

    def added(name: str) -> dict[str, float]:
        beakers = request("Beaker's type = memory")
        return spread(a - b for a, b in zip(request(name), beakers, strict=True))

    default = calls("a default client")
    return {
        "added_us, our middleware": added("our middleware"),
        "added_us, Beaker's middleware": added("Beaker's middleware"),
        "store_share": ratio(calls("our store"), default),
        "store_share, lean": ratio(calls("our store, lean"), default),
    }


def requests(name: str, app: WSGIApplication) -> dict[str, Part]:
    """Return the two requests of an application as parts."""
    target, client = InProcess(app), Client()
    client.open(target, f"/begin/{MIDDLE_KB}")
    return {
        f"{name}: read": lambda: client.open(target, "/read"),
        f"{name}: change": lambda: client.open(target, "/change"),
    }


def around_the_calls() -> dict[str, Part]:
    """Return whole requests with an instant store, Beaker alone, and the harness alone."""
    from beaker.middleware import SessionMiddleware as Beakers

    from beaker_dynamodb.middleware import SessionMiddleware
    from benchmarks.candidates.bare import nothing

    settings = {"session.type": "ext:dynamodb", "session.timeout": 1800}
    memory = {"session.type": "memory", "session.timeout": 1800}
    page = beaker_sessions.page
    ours = SessionMiddleware(page, settings | {"session.client": InstantClient()})
    plain = Beakers(page, settings | {"session.client": InstantClient()})
    return {
        **requests("request, our middleware", ours),
        **requests("request, Beaker's middleware", plain),
        **requests("request, Beaker's type = memory", Beakers(page, memory)),
        **requests("request, no session", nothing(Store("none", "none", ""))),
    }


def the_calls(url: str) -> dict[str, Part]:
    """Return the same calls made by the item store, its client and a default client."""
    from beaker_dynamodb.backend import Backend
    from beaker_dynamodb.config.parse import parse
    from beaker_dynamodb.items.item import SESSION

    settings: dict[str, Any] = {
        "table_name": TABLE,
        "timeout": 1920,
        "endpoint_url": url,
        "region_name": REGION,
        "aws_access_key_id": ACCESS_KEY_ID,
        "aws_secret_access_key": SECRET_ACCESS_KEY,
    }
    store = Backend(parse(settings))
    lean = Backend(parse({"transport": "lean", **settings}))
    client, default = store.items.client(), dynamodb_client(Store("", "dynamodb", url))
    create_table(default, TABLE)
    attributes = stored_session()
    key = store.keys.session(attributes["id"]["S"].removeprefix("sess:"))
    item = store.items.layout.item(key, SESSION, attributes)
    condition = store.items.if_unchanged(item)
    get: dict[str, Any] = {
        "TableName": TABLE,
        "Key": store.items.layout.key_attributes(key),
        "ConsistentRead": True,
    }
    put: dict[str, Any] = {"TableName": TABLE, "Item": attributes, **condition}
    default.put_item(**put)
    return {
        "GetItem by our store": lambda: store.items.get(key, SESSION),
        "GetItem by our store, lean": lambda: lean.items.get(key, SESSION),
        "GetItem by our client": lambda: client.get_item(**get),
        "GetItem by a default client": lambda: default.get_item(**get),
        "PutItem by our store": lambda: store.items.put(
            item, store.items.if_unchanged(item), replaced=item
        ),
        "PutItem by our store, lean": lambda: lean.items.put(
            item, lean.items.if_unchanged(item), replaced=item
        ),
        "PutItem by our client": lambda: client.put_item(**put),
        "PutItem by a default client": lambda: default.put_item(**put),
    }


def our_steps() -> dict[str, Part]:
    """Return the steps between Beaker's Session and the call."""
    from beaker_dynamodb.items.item import SESSION
    from beaker_dynamodb.namespace import DynamoDBNamespaceManager
    from beaker_dynamodb.sessions import merge
    from beaker_dynamodb.sessions.payload import BEAKER

    options = {"client": InstantClient(), "timeout": 1920, "data_dir": None}
    manager = DynamoDBNamespaceManager("0123456789abcdef" * 2, **options)
    store, attributes = manager.backend, stored_session()
    key = manager.session.key
    item = store.items.layout.item(key, SESSION, attributes)
    payload = store.codec.decode(item)
    data = BEAKER.loads(payload)
    assert data is not None
    same = BEAKER.loads(payload) or {}
    return {
        "manager made": lambda: DynamoDBNamespaceManager(manager.namespace, **options).session,
        "load: item read (layout)": lambda: store.items.layout.item(key, SESSION, attributes),
        "load: decompress, base64 (codec)": lambda: store.codec.decode(item),
        "load or save: base64, unpickle": lambda: BEAKER.loads(payload),
        "save: compare": lambda: merge.differs(data, same),
        "save: pickle, base64": lambda: BEAKER.dumps(data, payload),
        "save: compress (codec)": lambda: store.codec.encode_session(payload),
        "save: item written (layout)": lambda: store.items.layout.attributes(item),
    }


def stored_session() -> dict[str, Any]:
    """Return the attributes of a session's item, as the middleware writes it."""
    from beaker_dynamodb.middleware import SessionMiddleware

    client = InstantClient()
    settings = {"session.client": client, "session.timeout": 1800}
    target = InProcess(SessionMiddleware(beaker_sessions.page, settings))
    Client().open(target, f"/begin/{MIDDLE_KB}")
    (attributes,) = client.items.values()
    return attributes


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


def main(url: str, rounds: int) -> None:
    """Measure and print the parts."""
    measured = measure(around_the_calls() | the_calls(url) | our_steps(), rounds)
    answer = {
        "parts": {name: spread(values) for name, values in measured.items()},
        "derived": derived(measured),
        "special_keys": special_keys(rounds),
    }
    print(json.dumps(answer))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
