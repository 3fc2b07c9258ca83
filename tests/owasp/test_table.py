"""The table of the documentation is made from the marks of the tests."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.test_doctor_security import REQUIREMENTS
from tests.docs.pages import ROOT, table
from tests.owasp.asvs import ASVS
from tests.owasp.cheat_sheet import CHEAT_SHEET
from tests.owasp.requirement import Requirement
from tests.owasp.table import WrongMarks, markdown, marked

MET = Requirement("1", "what", default="done", level=2)
SAME = Requirement("Section", "what", default="done", same=("1",))
LEFT = Requirement("2", "what", application="all of it")


@pytest.mark.full
def test_the_page_has_the_table_that_the_command_prints() -> None:
    printed = subprocess.run(
        [sys.executable, "-m", "tests.owasp"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert printed.stdout.strip() == table("owasp"), "run python -m tests.owasp --write"


def test_every_requirement_of_doctor_is_in_the_table() -> None:
    assert REQUIREMENTS <= {each.name for each in ASVS}


def test_each_requirement_is_listed_once_and_its_references_exist() -> None:
    names = [each.name for each in (*ASVS, *CHEAT_SHEET)]
    assert len(set(names)) == len(names)
    assert {name for each in CHEAT_SHEET for name in each.same} <= {each.name for each in ASVS}


def test_marks_are_found_in_the_source(tmp_path: Path) -> None:
    (tmp_path / "test_a.py").write_text(
        '@pytest.mark.owasp("1", "2")\n@other\n@pytest.mark.full\ndef test_one(): ...\n'
        '@pytest.mark.owasp("1")\ndef test_two(): ...\ndef test_three(): ...\n'
        'class Test:\n    @pytest.mark.owasp("3")\n    def test_four(self): ...\n'
    )
    expected = {
        "1": ["test_a.py::test_one", "test_a.py::test_two"],
        "2": ["test_a.py::test_one"],
        "3": ["test_a.py::test_four"],
    }
    assert expected == marked(tmp_path)


def test_a_row_names_the_tests_and_what_is_left() -> None:
    lines = markdown({"1": ["test_a.py::test_one"]}, [MET, LEFT], [SAME]).splitlines()
    assert "| 1, L2 | what | done | - | - | `test_a.py::test_one` |" in lines
    assert "| 2 | what | - | - | all of it | - |" in lines
    assert "| Section | what | done | - | - | as 1 |" in lines


@pytest.mark.parametrize(
    ("shown", "requirements", "message"),
    [
        ({}, [MET], "'1' has no test"),
        ({"3": ["test"]}, [LEFT], "test: '3' is not a requirement"),
        ({"2": ["test"]}, [LEFT], "test: '2' is left to the application"),
        ({}, [Requirement("3", "what")], "'3' is met neither by the package nor"),
    ],
)
def test_wrong_marks_are_errors(
    shown: dict[str, list[str]], requirements: list[Requirement], message: str
) -> None:
    with pytest.raises(WrongMarks, match=message):
        markdown(shown, requirements, [])
