"""Fixtures of the session tests: a clock that Beaker and the package share."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest

from tests.clock import Clock

# The year 2096. DynamoDB Local deletes items that have expired by the real clock.
FAR_AHEAD = 4_000_000_000.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of `beaker.session`; `moved` passes it to the package."""
    clock = Clock(FAR_AHEAD)
    moved = SimpleNamespace(time=clock, strftime=time.strftime)
    monkeypatch.setattr("beaker.session.time", moved)
    return clock


@pytest.fixture
def moved(options: dict[str, object], clock: Clock) -> dict[str, object]:
    """Options for the test's own table, with the test's clock."""
    return {**options, "clock": clock}
