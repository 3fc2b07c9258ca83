"""The soak run's verdict."""

from __future__ import annotations

import pytest

from tests.chaos.soak import Sample, grown

MB = 1 << 20


def samples(memory: list[int], descriptors: int = 20, later: int = 0) -> list[Sample]:
    """Give samples, with so many more descriptors in the last third."""
    last = 2 * len(memory) // 3
    return [
        Sample(mb * MB, descriptors + (later if number >= last else 0), number)
        for number, mb in enumerate(memory)
    ]


@pytest.mark.parametrize(
    ("taken", "verdict"),
    [
        (samples([50, 60, 70, 80, 80, 80, 80, 81, 80]), False),
        (samples([50, 60, 70, 80, 82, 84, 86, 88, 90]), True),
        (samples([80] * 9, later=8), False),
        (samples([80] * 9, later=9), True),
    ],
    ids=["warm-up", "memory", "connections that come and go", "descriptors"],
)
def test_what_counts_as_growth(taken: list[Sample], verdict: bool) -> None:
    """The first third is the warm-up; the last one may not be above the second."""
    assert verdict == grown(taken)
