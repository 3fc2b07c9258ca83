"""Print the table, or run the marked tests.

``python -m tests.owasp`` prints the table. ``python -m tests.owasp --run`` runs the marked tests
and fails unless each requirement that the package meets has a test that passed.
"""

from __future__ import annotations

import sys

import pytest

from tests.owasp.asvs import ASVS
from tests.owasp.cheat_sheet import CHEAT_SHEET
from tests.owasp.table import WrongMarks, markdown, marked, mistakes


class Passed:
    """A pytest plugin that notes the requirements of tests that passed, and of those that failed.

    A requirement is shown if at least one of its tests has passed, and none has failed.
    """

    def __init__(self) -> None:
        self.passed: dict[str, list[str]] = {}
        self._marks: dict[str, list[str]] = {}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            marks = item.iter_markers("owasp")
            self._marks[item.nodeid] = [name for mark in marks for name in mark.args]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" and report.passed:
            for name in self._marks[report.nodeid]:
                self.passed.setdefault(name, []).append(report.nodeid)


def run(arguments: list[str]) -> int:
    """Run the marked tests in this process, and return the exit code."""
    plugin = Passed()
    code = int(pytest.main(["-q", "-m", "owasp", *arguments], plugins=[plugin]))
    wrong = [*mistakes(plugin.passed, [*ASVS, *CHEAT_SHEET])]
    for each in wrong:
        print(f"{each} that passed" if each.endswith("no test") else each)
    return code or bool(wrong)


def main() -> None:
    """Run the command."""
    if "--run" in sys.argv[1:]:
        sys.exit(run([word for word in sys.argv[1:] if word != "--run"]))
    try:
        print(markdown(marked()))
    except WrongMarks as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
