"""Each measurement works in its smallest size."""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest

from benchmarks.calls import DEFAULT
from benchmarks.fleet import Fleet
from benchmarks.footprint import OURS, POOLED
from benchmarks.measure import against_redis, end_to_end, footprints, own_parts
from benchmarks.plan import SMOKE
from benchmarks.servers import stores
from benchmarks.store import Store

pytestmark = pytest.mark.full


def test_the_parts_of_a_request_are_measured_over_plain_http_and_tls() -> None:
    with stores.canned((0,)) as (store,):
        result = own_parts.measure(1, store)
    calls = {
        f"{call} by {caller}{over}"
        for call in ("GetItem", "PutItem")
        for caller in ("our store", "our store, boto3", "a default client")
        for over in ("", ", TLS")
    }
    assert calls == {name for name in result["parts"] if "Item by" in name}
    assert {
        "codec_us",
        "store_share",
        "store_share, TLS",
        "store_share, boto3",
        "store_share, boto3, TLS",
        "added_us, our middleware",
        "added, our middleware",
        "added_us, Beaker's middleware",
        "added, Beaker's middleware",
    } == set(result["derived"])
    assert all(values["median"] > 0 for values in result["parts"].values())


def test_memory_and_descriptors_of_many_threads_are_counted() -> None:
    rows = {row["caller"]: row for row in footprints.measure(1)}
    assert [OURS, DEFAULT, POOLED] == list(rows)
    # The first call has opened one of the connections that a client keeps, ten or 32.
    assert 0 < rows[DEFAULT]["descriptors"]["median"] <= 9
    assert 0 < rows[POOLED]["descriptors"]["median"] <= 31


def test_redis_is_measured_directly_and_at_the_same_distance() -> None:
    with (
        stores.redis() as redis,
        stores.canned((0, 1)) as canned,
        Fleet(["ours", "redis"], {"redis": redis}) as fleet,
    ):
        if "redis" not in fleet.processes:
            pytest.skip(fleet.left_out["Beaker ext:redis"])
        for store in canned:
            fleet.create_tables(store)
        rows = against_redis.measure(replace(SMOKE, delays_ms=(0, 1)), fleet, canned)
    assert [0, 1] == [row["delay_ms"] for row in rows]
    for row in rows:
        assert row["ours_us"]["median"] / row["redis_us"]["median"] == row["ratio"]["median"]


def test_without_redis_it_is_not_compared() -> None:
    with Fleet(["nothing"], {"redis": None}) as fleet:
        assert [] == against_redis.measure(SMOKE, fleet, [Store("", "dynamodb", "")])


def test_an_application_behind_gunicorn_is_loaded_over_http() -> None:
    pytest.importorskip("gunicorn", reason="pip install -r benchmarks/requirements.txt")
    with stores.canned((0,)) as (store,), Fleet(["ours", "boto3"], {}) as fleet:
        fleet.create_tables(store)
        (row,) = end_to_end.measure(SMOKE, fleet, store)
    assert {} == fleet.left_out
    assert ("ours", 16) == (row["candidate"], row["clients"])
    assert row["requests_per_second"]["median"] > 0
    assert 1 == row["throughput_ratio"]["median"]


def test_an_application_whose_store_is_down_is_left_out() -> None:
    pytest.importorskip("gunicorn", reason="pip install -r benchmarks/requirements.txt")
    redis = Store("Redis", "redis", "redis://127.0.0.1:9/0")
    with stores.canned((0,)) as (store,), Fleet(["ours", "redis"], {"redis": redis}) as fleet:
        fleet.create_tables(store)
        rows = end_to_end.measure(SMOKE, fleet, store)
    assert ["ours"] == [row["candidate"] for row in rows]
    assert ["Beaker ext:redis"] == list(fleet.left_out)


def test_a_missing_gunicorn_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gunicorn", None)
    with stores.canned((0,)) as (store,), Fleet(["nothing"], {}) as fleet:
        assert [] == end_to_end.measure(SMOKE, fleet, store)
    assert {"gunicorn": "gunicorn is not installed (benchmarks/requirements.txt)"} == fleet.left_out
