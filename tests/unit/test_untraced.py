"""What is not traced is left out, and nothing else is."""

from __future__ import annotations

import sys
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from tests.untraced import untraced

if TYPE_CHECKING:
    from types import FrameType


def before() -> None:
    """Be traced."""


def inside() -> None:
    """Be called by what is not traced."""


def left_out(number: int) -> float:
    """Fail for 0."""
    inside()
    return 1 / number


def after() -> None:
    """Be traced."""


@pytest.mark.parametrize("number", [2, 0])
def test_only_the_function_is_left_out(number: int) -> None:
    """Not what it calls either; what follows is traced again, also when it has failed."""
    called: list[str] = []
    results: list[object] = []

    def trace(frame: FrameType, event: str, argument: object) -> None:
        called.append(frame.f_code.co_name)

    def work() -> None:
        before()
        try:
            results.append(untraced(left_out)(number))
        except ZeroDivisionError as error:
            results.append(type(error))
        after()

    def in_a_thread() -> None:
        sys.settrace(trace)
        work()
        results.append(sys.gettrace())

    # The trace function is a thread's own, and coverage has its own in this one.
    thread = Thread(target=in_a_thread)
    thread.start()
    thread.join()
    assert [0.5 if number else ZeroDivisionError, trace] == results
    assert {"before", "after"} == {"before", "left_out", "inside", "after"}.intersection(called)


def test_without_a_tracer_nothing_changes() -> None:
    """There is none afterwards."""
    found = []

    def in_a_thread() -> None:
        sys.settrace(None)
        found.append(untraced(sys.gettrace)())

    thread = Thread(target=in_a_thread)
    thread.start()
    thread.join()
    assert [None] == found
