"""The chart of an outage is repeatable, and its text can be searched."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.chaos.outage_chart import OUTAGE, SECONDS, Second, draw

COUNTS = [
    Second(0, 150, 40) if number in OUTAGE else Second(140, 0, 40) for number in range(SECONDS)
]


@pytest.mark.full
def test_the_chart_is_repeatable_and_names_what_it_shows(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    first, second = tmp_path / "first.svg", tmp_path / "second.svg"
    draw(COUNTS, "silence", first)
    draw(COUNTS, "silence", second)
    assert first.read_bytes() == second.read_bytes()
    texts = "".join(ElementTree.parse(first).getroot().itertext())
    for name in ("seconds", "failure: silence", "refused (StoreUnavailable)", "the store fails"):
        assert name in texts
