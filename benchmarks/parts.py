"""Breaks down the processor time of one request: ``python -m benchmarks.parts ROUNDS``.

Reads stores that answer immediately, as a JSON list, from standard input. Prints JSON: microseconds
per part, derived values, and the cost by number of special keys. A separate process, so that its
processor time is that of the parts alone.
"""

from __future__ import annotations

import json
import pickle
import sys
import zlib

from benchmarks.calls import DEFAULT, VARIANTS, the_calls
from benchmarks.candidates import beaker_sessions
from benchmarks.fleet import ratio, spread
from benchmarks.instant import InstantClient, stored_session
from benchmarks.rounds import Part, measure, requests
from benchmarks.special_keys import special_keys
from benchmarks.store import Store
from benchmarks.workload import CHANGE_EVERY

#: The part that any store with pickle and zlib needs.
CODEC = "pickle and zlib alone"

#: Microseconds by part, one value per round.
Measured = dict[str, list[float]]


def derived(measured: Measured) -> dict[str, dict[str, float]]:
    """Return what this package adds to type = memory, and its calls relative to a default client.

    Computed round by round, so that a slow moment affects both sides.
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

    def added(name: str) -> dict[str, dict[str, float]]:
        memory = request("Beaker's type = memory")
        added_us = [ours - its for ours, its in zip(request(name), memory, strict=True)]
        return {f"added_us, {name}": spread(added_us), f"added, {name}": ratio(added_us, memory)}

    shares = {
        name.replace("our store", "store_share") + over: ratio(
            calls(f"{name}{over}"), calls(f"{DEFAULT}{over}")
        )
        for name in VARIANTS
        for over in ("", ", TLS")
    }
    codec = mixed(f"{CODEC}: read", f"{CODEC}: change")
    return {
        "codec_us": spread(codec),
        **shares,
        **added("our middleware"),
        **added("Beaker's middleware"),
    }


def around_the_calls() -> dict[str, Part]:
    """Return requests with an instant client, with Beaker alone, and with no session."""
    from beaker.middleware import SessionMiddleware as BeakerMiddleware

    from beaker_dynamodb.middleware import SessionMiddleware
    from benchmarks.candidates.bare import nothing

    settings = {"session.type": "ext:dynamodb", "session.timeout": 1800}
    memory = {"session.type": "memory", "session.timeout": 1800}
    page = beaker_sessions.page
    ours = SessionMiddleware(page, settings | {"session.client": InstantClient()})
    plain = BeakerMiddleware(page, settings | {"session.client": InstantClient()})
    return {
        **requests("request, our middleware", ours),
        **requests("request, Beaker's middleware", plain),
        **requests("request, Beaker's type = memory", BeakerMiddleware(page, memory)),
        **requests("request, no session", nothing(Store("none", "none", ""))),
    }


def our_steps() -> dict[str, Part]:
    """Return the steps between Beaker's Session and the call."""
    from beaker_dynamodb.items.compression import ZLIB_LEVEL
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
    pickled = pickle.dumps(data, 2)
    compressed = zlib.compress(pickled, ZLIB_LEVEL)
    return {
        f"{CODEC}: read": lambda: pickle.loads(zlib.decompress(compressed)),
        f"{CODEC}: change": lambda: (
            pickle.loads(zlib.decompress(compressed)),
            zlib.compress(pickle.dumps(data, 2), ZLIB_LEVEL),
        ),
        "manager made": lambda: DynamoDBNamespaceManager(manager.namespace, **options).session,
        "load: item read (layout)": lambda: store.items.layout.item(key, SESSION, attributes),
        "load: decompress, base64 (codec)": lambda: store.codec.decode(item),
        "load or save: base64, unpickle": lambda: BEAKER.loads(payload),
        "save: compare": lambda: merge.differs(data, same),
        "save: pickle, base64": lambda: BEAKER.dumps(data, payload),
        "save: compress (codec)": lambda: store.codec.encode_session(payload),
        "save: item written (layout)": lambda: store.items.layout.attributes(item),
    }


def main(rounds: int) -> None:
    """Measure and print the parts."""
    parts = around_the_calls() | our_steps()
    for store in json.loads(sys.stdin.readline()):
        parts |= the_calls(Store(**store))
    measured = measure(parts, rounds)
    answer = {
        "parts": {name: spread(values) for name, values in measured.items()},
        "derived": derived(measured),
        "special_keys": special_keys(rounds),
    }
    print(json.dumps(answer))


if __name__ == "__main__":
    main(int(sys.argv[1]))
