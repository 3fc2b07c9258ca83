"""Which sessions are copied, without running their pickles, and what the report counts."""

from __future__ import annotations

import datetime
import decimal
import enum
import pickle
import time
import zlib
from base64 import b64encode
from collections import OrderedDict, deque
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from beaker.cache import Cache
from beaker.session import Session

from beaker_dynamodb.dynamodb.table import create
from beaker_dynamodb.items.codec import Codec
from beaker_dynamodb.items.item import SESSION, Item, item_size
from beaker_dynamodb.migrate import inert_pickle
from beaker_dynamodb.migrate.from_dynamodb import DynamoDBSource
from tests.clock import Clock
from tests.migrate.moving import Stores, counts, target
from tests.servers.endpoint import Endpoint
from tests.servers.recorder import CallRecorder

TIMEOUT = 1920.0


@pytest.fixture
def stores(stores: Stores, clock: Clock) -> Stores:
    stores.new.update(timeout=TIMEOUT, clock=clock)
    return stores


def accessed_ago(seconds: float, clock: Clock) -> dict[str, float]:
    """Return the times of a session that is an hour older than its last access."""
    return {"_accessed_time": clock() - seconds, "_creation_time": clock() - seconds - 3600}


def test_the_lifetime_of_a_copy_starts_at_the_last_access(stores: Stores, clock: Clock) -> None:
    session_id = stores.save(user=1, **accessed_ago(100.5, clock))
    stores.move()
    item = stores.copied(session_id)
    accessed_ms = round((clock() - 100.5) * 1000)
    times = (item.created_ms, item.accessed_ms, item.deadline_ms)
    assert (accessed_ms - 3_600_000, accessed_ms, accessed_ms + TIMEOUT * 1000) == times


@pytest.mark.parametrize(("timeout", "lifetime"), [(TIMEOUT, TIMEOUT), (None, 86_400)])
def test_expired_sessions_are_not_copied(
    stores: Stores, clock: Clock, timeout: float | None, lifetime: float
) -> None:
    expired = stores.save(user=1, **accessed_ago(lifetime, clock))
    live = stores.save(user=2, **accessed_ago(lifetime - 0.001, clock))
    stores.new["timeout"] = timeout
    assert {"found": 2, "copied": 1, "expired": 1, "verified": 1} == stores.counts()
    assert stores.copy(expired) is None
    assert stores.copy(live) is not None


def test_a_session_that_was_logged_out_is_not_copied(stores: Stores) -> None:
    session = Session({}, use_cookies=False, **stores.old)
    session["user"] = 1
    session.save()
    session.delete()
    session.save()
    assert {"found": 1, "empty": 1} == stores.counts()


def test_caches_and_damaged_files_do_not_stop_a_migration(stores: Stores, clock: Clock) -> None:
    session_id = stores.save(user=1, **accessed_ago(0, clock))
    Cache("news", **stores.old).put("session", "a value under the name of a session's key")
    cut = stores.save(user=2)
    (damaged,) = Path(stores.old["data_dir"]).rglob(f"{cut}.cache")
    damaged.write_bytes(damaged.read_bytes()[:-20])

    report = stores.move()

    expected = {"found": 2, "copied": 1, "unreadable": 1, "foreign": 1, "verified": 1}
    assert expected == counts(report)
    assert report.complete
    assert stores.copy(session_id) is not None


class RunsCode:
    def __reduce__(self) -> Any:
        return Path.touch, (Path("planted"),)


def test_code_in_an_old_session_is_copied_and_not_run(
    stores: Stores, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    session_id = stores.save(user=1)
    values = {"user": 1, "object": RunsCode(), **accessed_ago(5, clock)}
    payload = b64encode(pickle.dumps(values, 2)).decode()
    (file,) = Path(stores.old["data_dir"]).rglob(f"{session_id}.cache")
    file.write_bytes(pickle.dumps({"session": payload, "another": RunsCode()}))

    assert {"found": 1, "copied": 1, "verified": 1} == stores.counts()

    item = stores.copied(session_id)
    assert round((clock() - 5) * 1000) == item.accessed_ms
    assert payload == stores.storage.codec.decode(item)
    assert not Path("planted").exists()


def test_code_in_an_old_table_is_not_run(
    stores: Stores, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    old = target({**stores.new, "prefix": "old"})
    now_ms = round(clock() * 1000)
    planted = Item(
        key=old.keys.session("planted"),
        kind=SESSION,
        data=pickle.dumps(RunsCode()),
        codec="pickle",
        created_ms=now_ms,
        deadline_ms=now_ms + 1000,
    )
    old.items.put(planted)
    assert {"found": 1, "unreadable": 1} == counts(stores.move(DynamoDBSource(old)))
    assert not Path("planted").exists()


def test_special_keys_are_copied_if_the_session_has_them(stores: Stores, clock: Clock) -> None:
    values = {"user": "me", "logins": Decimal(3), "blob": b"\xff"}
    ids = [stores.save(**some, **accessed_ago(0, clock)) for some in (values, {"a": 1})]
    stores.new["special_keys"] = "user:S, logins:N, blob:B"
    assert {"found": 2, "copied": 2, "verified": 2} == stores.counts()
    attributes = {"user": {"S": "me"}, "logins": {"N": "3"}, "blob": {"B": b"\xff"}}
    assert [attributes, {}] == [stores.copied(session_id).special for session_id in ids]


def test_a_session_larger_than_an_item_is_copied_from_files_and_from_a_table(
    stores: Stores, local_endpoint: Endpoint, clock: Clock
) -> None:
    # moto counts the base64 of a chunk, and refuses it.
    large = "".join(chr(0x4E00 + number % 20_000) for number in range(200_000))
    session_id = stores.save(text=large, **accessed_ago(0, clock))
    stores.new.update(local_endpoint.options, compression="off")
    copied = {"found": 1, "copied": 1, "verified": 1}
    assert copied == stores.counts()
    assert stores.copied(session_id).chunks is not None
    first = DynamoDBSource(stores.storage)
    stores.new["prefix"] = "second"
    assert copied == counts(stores.move(first))


def test_a_dry_run_writes_nothing(stores: Stores, clock: Clock) -> None:
    stores.save(user=1, **accessed_ago(0, clock))
    stores.save(user=2, **accessed_ago(TIMEOUT, clock))
    storage = stores.storage
    create(storage.items.client(), storage.options, time.sleep)
    with CallRecorder(storage.items.client()) as calls:
        report = stores.move(dry_run=True)
    assert ["GetItem", "BatchGetItem"] == calls.operations
    assert {"found": 2, "copied": 1, "expired": 1} == counts(report)
    assert 4 == report.write_units


def test_write_units_are_those_of_the_items(stores: Stores, clock: Clock) -> None:
    ids = [stores.save(text="x" * size, **accessed_ago(0, clock)) for size in (10, 1500, 5000)]
    stores.new["compression"] = "off"
    report = stores.move()
    layout = stores.storage.items.layout
    sizes = [item_size(layout.attributes(stores.copied(session_id))) for session_id in ids]
    # A transaction of the session and its record, at twice the price.
    assert sum(2 * (-(-size // 1024) + 1) for size in sizes) == report.write_units > 20


@pytest.mark.parametrize(("verify", "reads"), [("none", 0), ("sample", 2), ("all", 101)])
def test_copies_are_read_back(stores: Stores, clock: Clock, verify: str, reads: int) -> None:
    for number in range(101):
        stores.save(user=number, **accessed_ago(0, clock))
    storage = stores.storage
    create(storage.items.client(), storage.options, time.sleep)
    with CallRecorder(storage.items.client()) as calls:
        report = stores.move(verify=verify)
    assert (101, reads) == (report.copied, report.verified)
    # One more reads the run before.
    assert (reads + 1, 3) == tuple(map(calls.operations.count, ("GetItem", "BatchGetItem")))


def test_a_copy_that_differs_makes_a_migration_incomplete(
    stores: Stores, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    stores.save(user=1, **accessed_ago(0, clock))
    encode = Codec.encode_session
    monkeypatch.setattr(Codec, "encode_session", lambda codec, text: encode(codec, "b" + text[1:]))
    report = stores.move()
    assert {"found": 1, "copied": 1, "differing": 1} == counts(report)
    assert not report.complete


class Color(enum.Enum):
    RED = 1


class Basket(list[int]):
    def __init__(self, pieces: list[int]) -> None:
        super().__init__(pieces)
        self.owner = "me"


OBJECTS = [
    Basket([1, 2]),
    Color.RED,
    OrderedDict(a=1),
    RunsCode(),
    datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc),
    deque([1, 2]),
    frozenset({Color.RED}),
    Path("x"),
]
PLAIN = {
    "time": 1.5,
    "string": "ä",
    "bytes": b"\xff\x00",
    "list": [1, None, True],
    "nested": {"a": (1,)},
    "set": {1},
    "number": decimal.Decimal("1.10"),
}


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_plain_values_are_read_and_objects_are_not_created(
    protocol: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    read = inert_pickle.loads(pickle.dumps({**PLAIN, "objects": OBJECTS}, protocol))
    assert {**PLAIN, "objects": read["objects"]} == read
    assert len(OBJECTS) == len(read["objects"])
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("payload", "values"),
    [
        (b64encode(pickle.dumps({"a": 1}, 2)).decode(), {"a": 1}),
        (b64encode(zlib.compress(b'{"a": 1}')).decode(), {"a": 1}),
        (b64encode(zlib.compress(b"[1]")).decode(), None),
        (b64encode(b"\x78 no zlib").decode(), None),
        (b64encode(b"something else").decode(), None),
        ("no base64", None),
        (None, None),
    ],
)
def test_beakers_serializers_are_read(payload: Any, values: dict[str, int] | None) -> None:
    assert values == inert_pickle.session_values(payload)
