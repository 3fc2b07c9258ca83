"""The documentation's table of faults, and the rows that the report prints."""

from __future__ import annotations

import re

from tests.chaos.faults import KINDS
from tests.chaos.inputs import FULL, ON_REQUEST
from tests.chaos.load import Outcome
from tests.chaos.report import HEAD, line, row
from tests.docs.pages import page, table

PAGE = page("docs/explanation/robustness.md").text


def test_the_page_has_every_fault() -> None:
    lines = table("faults").split("\n")
    assert line(HEAD) == lines[0]
    rows = [re.findall(r"[^|]+", row) for row in lines[2:]]
    assert list(KINDS) == [cells[0].strip() for cells in rows]
    assert {(len(HEAD), "0", "0")} == {
        (len(cells), cells[-2].strip(), cells[-1].strip()) for cells in rows
    }


def test_the_page_states_the_numbers_of_examples() -> None:
    sentence = "A full run tries {} orders of sessions, {} of caches and {} inputs".format(
        *FULL.totals
    )
    sentence += "; `tox -e chaos` {}, {} and {}.".format(*ON_REQUEST.totals)
    assert sentence in PAGE


def test_a_row_has_a_cell_for_each_share_and_the_total_damage() -> None:
    calm = Outcome(90, 9, 30, [], [], [], logged_out=0, returned=0, stuck=0)
    rough = Outcome(80, 40, 30, [OSError()], ["token"], [], logged_out=2, returned=1, stuck=0)
    assert "| a fault | 49 of 170 | 30 of 30 | 26 of 30 | 1 | 3 |" == row("a fault", [calm, rough])
