"""The package reads tables written by earlier versions, and writes the newest format.

``tables/`` has one folder for each format. Every format must be readable. Items that this version
writes are compared with the newest; after an intended change, add a folder (docs/design.md).
"""

from __future__ import annotations

import json
import pickle
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from beaker_dynamodb import DynamoDBNamespaceManager
from beaker_dynamodb.caches.lease import Clock as LockClock
from beaker_dynamodb.items.compression import decompress
from tests.clock import Clock
from tests.format import tables
from tests.format.contents import CONTENTS, READ, WRITTEN, Content, InCache, Lock
from tests.format.tables import SHAPES, TABLES, Item, beaker_at

if TYPE_CHECKING:
    from tests.servers.endpoint import Endpoint

VERSIONS = sorted((folder.name for folder in TABLES.iterdir()), key=lambda name: int(name[1:]))
NEWEST = VERSIONS[-1]


@pytest.fixture(
    scope="module", params=["hash_only", pytest.param("sort_key", marks=pytest.mark.full)]
)
def table_shape(request: pytest.FixtureRequest) -> str:
    shape: str = request.param
    return shape


@pytest.fixture(scope="module", params=VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    version: str = request.param
    return version


@pytest.fixture(scope="module")
def table_options(moto_endpoint: Endpoint, table_shape: str) -> dict[str, Any]:
    """Options for a server and a new table of this shape."""
    name = f"stored-{uuid4().hex}"
    return {**moto_endpoint.options, **SHAPES[table_shape], "table_name": name}


@pytest.fixture(scope="module")
def stored(table_options: dict[str, Any], version: str, table_shape: str) -> dict[str, Any]:
    """Options for a table that this version wrote."""
    options = {**table_options, "table_name": f"{table_options['table_name']}-{version}"}
    tables.put(options, tables.load(version, table_shape))
    return options


@contextmanager
def at(now: float, options: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Set the clock of Beaker and the package; yield the options."""
    clock = Clock(now)
    with beaker_at(clock):
        yield {**options, "clock": clock}


def test_every_value_is_read(stored: dict[str, Any], version: str, table_shape: str) -> None:
    # Older tables do not have the contents that were added later.
    names = tables.load(version, table_shape).keys()
    with at(READ, stored) as options:
        for content in map(find, names):
            assert content.value == content.read(options), content.name


def test_a_cache_entry_ends_after_its_grace_period(stored: dict[str, Any]) -> None:
    def is_stored(entry: InCache, seconds: float) -> bool:
        with at(WRITTEN + seconds, stored) as options:
            return bool(entry.cache(options).namespace.has_key(entry.name.encode()))

    seconds = {"expire": 660, "chunked, cached": 660, "expire without grace": 600, "timeout": 600}
    for name, lifetime in seconds.items():
        entry = find(name)
        assert isinstance(entry, InCache)
        assert is_stored(entry, lifetime - 0.001)
        assert not is_stored(entry, lifetime)


def test_session_ends_at_its_deadline(stored: dict[str, Any]) -> None:
    def is_stored(name: str, seconds: float) -> bool:
        with at(WRITTEN + seconds, stored) as options:
            return "session" in DynamoDBNamespaceManager(find(name).id, **options)

    seconds = {"half an hour": 1920, "pickle": 86_400, "second version": 86_410}
    for name, lifetime in seconds.items():
        assert is_stored(name, lifetime - 0.001)
        assert not is_stored(name, lifetime)
    assert is_stored("for ever", 1e9)


def test_lock_is_taken_over_after_its_lease(stored: dict[str, Any]) -> None:
    for name, lease in {"lock": 30, "lock with a lease": 45.5}.items():
        time = Clock(0.0)
        lock = find(name)
        assert isinstance(lock, Lock)
        with at(READ, stored) as options:
            waiting = lock.synchronizer(options, LockClock(time))
            assert not waiting.acquire(wait=False)
            time.advance(lease - 0.001)
            assert not waiting.acquire(wait=False)
            time.advance(0.25)
            assert waiting.acquire(wait=False)


def test_this_version_writes_the_newest_format(
    table_options: dict[str, Any], table_shape: str
) -> None:
    newest, written = tables.load(NEWEST, table_shape), tables.write(table_options)
    assert newest.keys() == written.keys()
    for name in newest:
        stored, found = comparable(newest[name]), comparable(written[name])
        assert stored == {key: common(stored[key], found[key]) for key in stored}, name


def find(name: str) -> Content:
    (found,) = (content for content in CONTENTS if content.name == name)
    return found


def common(stored: Item, found: Item) -> Item:
    """Return the attributes that the stored item has too. New attributes are allowed."""
    return {
        name: common(value, found[name]) if isinstance(value, dict) else found[name]
        for name, value in stored.items()
        if name in found
    }


def comparable(items: list[Item]) -> dict[str, Item]:
    """Return the items by partition key, independent of the pickle, zlib and zstd versions."""
    chunks = sorted(item["id"]["S"] for item in items if "beaker-chunk" == item["type"]["S"])
    by_key = {item["id"]["S"]: dict(item) for item in items}
    data = b"".join(by_key[key]["data"]["B"] for key in chunks)
    for key in chunks:
        by_key[key]["data"] = len(by_key[key]["data"]["B"]) if key != chunks[-1] else "the rest"
    for item in by_key.values():
        if "codec" in item:
            item["data"] = decoded(item["codec"]["S"], data or item["data"]["B"])
        if "signature" in item:
            item["signature"] = len(item["signature"]["B"])  # see test_golden_signatures.py
    return by_key


def decoded(codec: str, data: bytes) -> Any:
    """Decode data without this package's codecs, as far as possible without the keys."""
    codec, _, step = codec.partition(",")
    if step:
        data = decompress(data, step)
    if data[:1] == b"\x80" and codec in ("b64", "pickle"):
        return {"protocol": data[1], "value": pickle.loads(data)}
    if data[:1] == b"\x78" and codec == "b64":
        return json.loads(zlib.decompress(data))
    return data[:16] if codec == "nonce+b64" else data
