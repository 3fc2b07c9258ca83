"""The thread that renews the locks of a process: when it wakes, and what it waits for."""

from __future__ import annotations

import threading

import pytest

from beaker_dynamodb.caches import lease
from beaker_dynamodb.dynamodb.error_mapping import ConditionFailed
from tests.locks.elsewhere import LEASE, Time, hold


class Asleep(Exception):
    """The thread sleeps until another lock is there to be renewed."""


@pytest.fixture
def heart(time: Time, monkeypatch: pytest.MonkeyPatch) -> lease.Heart:
    """The process's heart; the test runs it instead of a thread."""
    heart = lease.Heart()
    monkeypatch.setattr(heart, "_thread", threading.current_thread())
    monkeypatch.setattr(lease, "heart", heart)
    return heart


@pytest.fixture
def pauses(time: Time, heart: lease.Heart, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long the heart slept each time, at most ten times; the clock moves instead."""
    pauses: list[float] = []

    def wait(timeout: float | None = None) -> None:
        if timeout is None or len(pauses) == 10:
            raise Asleep
        pauses.append(timeout)
        time.advance(timeout)

    beats = iter(range(20))
    beat = heart.beat
    monkeypatch.setattr(heart, "beat", lambda: (next(beats), beat()))
    monkeypatch.setattr(heart._changed, "wait", wait)
    return pauses


def test_it_sleeps_until_the_next_lock_is_due(
    heart: lease.Heart, pauses: list[float], time: Time
) -> None:
    renewed: list[tuple[float, object]] = []
    hold(lambda key: renewed.append((time.now, key)), [9.0, 7.5])
    with pytest.raises(Asleep):
        heart._run()
    assert [2.5, 0.5, 2, 1, 1.5, 1.5, 1, 2, 0.5, 2.5] == pauses
    assert [(2.5, 1), (3, 0), (5, 1), (6, 0), (7.5, 1), (9, 0)] == renewed[:6]


def test_it_does_not_sleep_when_a_lock_is_due(
    heart: lease.Heart, pauses: list[float], time: Time
) -> None:
    hold(id, [9.0])
    time.advance(3)
    with pytest.raises(Asleep):
        heart._run()
    assert [3] * 10 == pauses


def test_without_locks_it_sleeps_until_there_is_one(
    heart: lease.Heart, pauses: list[float]
) -> None:
    with pytest.raises(Asleep):
        heart._run()
    assert [] == pauses


def test_it_does_not_wake_for_a_lock_that_was_released(
    heart: lease.Heart, pauses: list[float], time: Time
) -> None:
    (held,) = hold(id, [LEASE])
    heart.remove(held)
    with pytest.raises(Asleep):
        heart._run()
    assert [] == pauses


def test_it_does_not_wake_again_for_a_lock_that_was_lost(
    heart: lease.Heart, pauses: list[float], time: Time
) -> None:
    def lose(key: object) -> None:
        raise ConditionFailed(None)

    hold(lose, [LEASE])
    with pytest.raises(Asleep):
        heart._run()
    assert [LEASE / 3] == pauses


def test_it_is_one_daemon_thread_that_starts_with_the_first_lock(
    time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    heart = lease.Heart()
    ran: list[int] = []
    monkeypatch.setattr(heart, "_run", lambda: ran.append(1))
    monkeypatch.setattr(lease, "heart", heart)
    started: list[threading.Thread] = []
    monkeypatch.setattr(threading.Thread, "start", lambda thread: started.append(thread))
    hold(id, [LEASE] * 2)
    (thread,) = started
    assert ("beaker-dynamodb", True) == (thread.name, thread.daemon)
    thread.run()
    assert [1] == ran
