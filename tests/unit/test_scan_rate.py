"""A Scan consumes no more read units a second than it may, over all of its segments."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from beaker_dynamodb.dynamodb import scan
from tests.clock import Clock
from tests.unit.stubbed import Script

KEY = {"id": {"S": "x"}}


class Pauses:
    """Lets the time pass that a scan wants to wait, and writes it down."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock = Clock(0.0)
        self.seconds: list[float] = []
        monkeypatch.setattr(scan, "monotonic", self.clock)
        monkeypatch.setattr(scan, "pause", self)

    def __call__(self, stopped: threading.Event, seconds: float) -> None:
        """Wait, as the scan sees it."""
        self.seconds.append(seconds)
        self.clock.advance(seconds)


def answers(*units: float, ended: bool = True) -> Script:
    """Script pages that consumed so many units."""
    script = Script()
    for number, consumed in enumerate(units, 1):
        page: dict[str, Any] = {"Items": [], "ScannedCount": 9}
        page["ConsumedCapacity"] = {"CapacityUnits": consumed}
        if number < len(units) or not ended:
            page["LastEvaluatedKey"] = KEY
        script.answer("scan", None, page)
    return script


def test_what_was_consumed_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """At 10 units a second a page of 128 units is followed by 12.8 seconds; the last by none."""
    pauses = Pauses(monkeypatch)
    with answers(128.0, 5.0, 0.5, 128.0) as script:
        items = script.manager().backend.items
        pages = list(scan.scan(items, {}, segments=1, units_per_second=10))
    assert [128.0, 5.0, 0.5, 128.0] == [page.capacity_units for page in pages]
    assert [12.8, 0.5, 0.05] == pytest.approx(pauses.seconds)


def test_time_that_passed_is_not_saved_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A caller who takes an hour over a page does not earn an hour of unbounded reading."""
    pauses = Pauses(monkeypatch)
    rate = scan.Rate(10.0)
    assert 1.0 == rate.spend(10.0)
    pauses.clock.advance(3600.0)
    assert 1.0 == rate.spend(10.0)


def test_segments_share_the_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages of several segments at one moment wait one behind the other."""
    pauses = Pauses(monkeypatch)
    rate = scan.Rate(10.0)
    assert [1.0, 2.0, 3.0] == [rate.spend(10.0) for _ in range(3)]
    pauses.clock.advance(2.5)
    assert 1.5 == rate.spend(10.0)


def test_without_a_rate_nothing_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Units are counted, and that is all."""
    pauses = Pauses(monkeypatch)
    with answers(128.0, 128.0) as script:
        assert 2 == len(list(scan.scan(script.manager().backend.items, {}, segments=1)))
    assert [] == pauses.seconds


def test_a_pause_ends_when_the_scan_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaving a scan that would wait for days waits for nothing."""
    waiting = threading.Event()
    pause = scan.pause

    def announced(stopped: threading.Event, seconds: float) -> bool:
        waiting.set()
        return pause(stopped, seconds)

    monkeypatch.setattr(scan, "pause", announced)
    with answers(128.0, ended=False) as script:
        pages = scan.scan(script.manager().backend.items, {}, segments=1, units_per_second=0.001)
        next(pages)
        assert waiting.wait(60)
        pages.close()
    assert [] == [t for t in threading.enumerate() if t.name.startswith("beaker-dynamodb-scan")]
