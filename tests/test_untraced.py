"""`untraced` hides one function from the tracer, and nothing else."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from tests.untraced import untraced

if TYPE_CHECKING:
    from types import FrameType


def inside() -> None:
    pass


def hidden(number: int) -> float:
    inside()
    return 1 / number


def after() -> None:
    pass


@pytest.mark.parametrize("number", [2, 0])
def test_only_the_function_is_hidden(number: int) -> None:
    called: list[str] = []

    def trace(frame: FrameType, event: str, argument: object) -> None:
        called.append(frame.f_code.co_name)

    def in_a_thread() -> tuple[object, Any]:
        sys.settrace(trace)
        result: object = None
        try:
            result = untraced(hidden)(number)
        except ZeroDivisionError as error:
            result = type(error)
        after()
        return result, sys.gettrace()

    # A tracer belongs to its thread; coverage has one in this thread.
    with ThreadPoolExecutor(1) as thread:
        result = thread.submit(in_a_thread).result()
    assert (0.5 if number else ZeroDivisionError, trace) == result
    assert {"after"} == {"hidden", "inside", "after"}.intersection(called)


def test_without_a_tracer_nothing_changes() -> None:
    def in_a_thread() -> Any:
        sys.settrace(None)
        return untraced(sys.gettrace)()

    with ThreadPoolExecutor(1) as thread:
        assert thread.submit(in_a_thread).result() is None
