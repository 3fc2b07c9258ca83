"""README.md: one screen, two commands, and figures that the benchmarks measured."""

from __future__ import annotations

import json

from benchmarks.plots import dollars
from tests.docs.pages import ROOT, page

README = page("README.md")


def test_it_is_short() -> None:
    assert len(README.text.splitlines()) <= 150


def test_the_first_commands_are_one_line_each() -> None:
    start, test = README.blocks("sh", "Try it")
    assert [1, 1] == [start.code.count("\n"), test.code.count("\n")]
    assert ".[example]" in start.code
    assert start.code.strip().endswith("example_wsgi.py")
    assert test.code.strip().endswith("tox")


def test_the_costs_are_those_of_the_last_benchmark() -> None:
    result = json.loads((ROOT / "benchmarks/results/result.json").read_text())
    cost = {
        row["candidate"]: f"${dollars(row) + 1e-9:.2f}"
        for row in result["capacity"]
        if row["size_kb"] == 16
    }
    row = next(line for line in README.text.splitlines() if "16 KB" in line)
    cells = [cell.strip() for cell in row.split("|")]
    assert [cost["ours"], cost["flask-session"]] == [cells[2], cells[5]]
