"""Find the marked tests, and make the table of docs/explanation/owasp.md."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from tests.owasp.asvs import ASVS
from tests.owasp.cheat_sheet import CHEAT_SHEET
from tests.owasp.requirement import Requirement

TESTS = Path(__file__).parent.parent
HEAD = ["by default", "by option or call", "left to the application", "shown by"]

#: Requirement to tests: ``wsgi/test_cookie_flags.py::test_name``.
Shown = Mapping[str, Sequence[str]]


class WrongMarks(Exception):
    """A requirement has no test, or a mark names no requirement."""


def marked(folder: Path = TESTS) -> Shown:
    """Return the tests that are marked with a requirement, from their source."""
    shown: dict[str, list[str]] = defaultdict(list)
    for path in sorted(folder.rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                for name in _names(node):
                    shown[name].append(f"{path.relative_to(folder)}::{node.name}")
    return shown


def _names(function: ast.FunctionDef) -> Iterator[str]:
    for decorator in function.decorator_list:
        called = isinstance(decorator, ast.Call) and ast.unparse(decorator.func)
        if called == "pytest.mark.owasp":
            assert isinstance(decorator, ast.Call)
            yield from (ast.literal_eval(argument) for argument in decorator.args)


def markdown(
    shown: Shown, asvs: Sequence[Requirement] = ASVS, sheet: Sequence[Requirement] = CHEAT_SHEET
) -> str:
    """Return both tables.

    :raises WrongMarks: the marks do not fit the requirements.
    """
    wrong = [*mistakes(shown, [*asvs, *sheet])]
    if wrong:
        raise WrongMarks("\n".join(wrong))
    parts = [
        *("## ASVS 5.0", "", *_table("requirement", "number and level", asvs, shown)),
        *("", "## Session Management Cheat Sheet", ""),
        *_table("advice", "section", sheet, shown),
    ]
    return "\n".join(parts)


def mistakes(shown: Shown, requirements: Iterable[Requirement]) -> Iterator[str]:
    """Return what is wrong with the marks, one sentence each."""
    known = {each.name: each for each in requirements}
    for name, tests in shown.items():
        if name not in known:
            yield f"{', '.join(tests)}: {name!r} is not a requirement of tests/owasp/"
        elif not known[name].claimed:
            yield f"{', '.join(tests)}: {name!r} is left to the application"
    for each in known.values():
        if each.claimed and not tests_of(each, shown):
            yield f"{each.name!r} has no test"
        if not each.claimed and not each.application:
            yield f"{each.name!r} is met neither by the package nor by the application"


def tests_of(requirement: Requirement, shown: Shown) -> list[str]:
    """Return the tests that show a requirement, or one that is the same."""
    return [test for name in (requirement.name, *requirement.same) for test in shown.get(name, [])]


def _table(
    title: str, kind: str, requirements: Sequence[Requirement], shown: Shown
) -> Iterator[str]:
    head = [kind, title, *HEAD]
    yield f"| {' | '.join(head)} |"
    yield "|" + "---|" * len(head)
    for each in requirements:
        name = each.name if each.level is None else f"{each.name}, L{each.level}"
        cells = [name, each.text, each.default, each.option, each.application]
        own = [f"`{test}`" for test in shown.get(each.name, [])]
        others = [f"as {name}" for name in each.same]
        cells.append("<br>".join([*own, *others]))
        yield f"| {' | '.join(cell or '-' for cell in cells)} |"
