"""Print the table, write it to its page, or run the marked tests.

``python -m tests.owasp`` prints the table, and ``--write`` puts it into the page. ``--run`` runs
the marked tests, and fails unless each requirement that the package meets has a test that passed.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.owasp.asvs import ASVS
from tests.owasp.cheat_sheet import CHEAT_SHEET
from tests.owasp.table import WrongMarks, markdown, marked, mistakes

PAGE = Path(__file__).parent.parent.parent / "docs" / "explanation" / "owasp.md"
BEGIN, END = "<!-- owasp -->\n", "<!-- /owasp -->"


class Outcomes:
    """A pytest plugin that notes which tests have passed; works with pytest-xdist too."""

    def __init__(self) -> None:
        self.passed: set[str] = set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" and report.passed:
            name = report.nodeid.partition("[")[0]
            self.passed.add(name.removeprefix("tests/"))


def run(arguments: list[str]) -> int:
    """Run the marked tests in this process, and return the exit code."""
    outcomes = Outcomes()
    code = int(pytest.main(["-q", "-m", "owasp", *arguments], plugins=[outcomes]))
    shown = {
        name: [test for test in tests if test in outcomes.passed]
        for name, tests in marked().items()
    }
    wrong = [*mistakes(shown, [*ASVS, *CHEAT_SHEET])]
    for each in wrong:
        print(f"{each} that passed" if each.endswith("no test") else each)
    return code or bool(wrong)


def main() -> None:
    """Run the command."""
    if "--run" in sys.argv[1:]:
        sys.exit(run([word for word in sys.argv[1:] if word != "--run"]))
    try:
        table = markdown(marked())
    except WrongMarks as error:
        sys.exit(str(error))
    if "--write" in sys.argv[1:]:
        before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
        PAGE.write_text(f"{before}{BEGIN}{table}\n{END}{rest.partition(END)[2]}", encoding="utf-8")
    else:
        print(table)


if __name__ == "__main__":
    main()
