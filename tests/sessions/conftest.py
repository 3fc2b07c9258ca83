"""Fixtures of the session tests: a clock that Beaker goes by too, and no sweeper overtakes."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest

from tests.clock import Clock

# The year 2096: DynamoDB Local sweeps by the real clock, and must not get ahead of a test's.
FAR_AHEAD = 4_000_000_000.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The time for Beaker's session and ours; the options have it for the package."""
    clock = Clock(FAR_AHEAD)
    moved = SimpleNamespace(time=clock, strftime=time.strftime)
    monkeypatch.setattr("beaker.session.time", moved)
    return clock


@pytest.fixture
def moved(options: dict[str, object], clock: Clock) -> dict[str, object]:
    """Options for the test's own table, and its clock."""
    return {**options, "clock": clock}
