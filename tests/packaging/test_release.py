"""The files for releases agree with each other."""

from __future__ import annotations

import re
from configparser import ConfigParser
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parent.parent.parent
WORKFLOWS = sorted(ROOT.glob(".github/workflows/*.yml"))
FILES = sorted([*ROOT.glob(".github/**/*.yml"), ROOT / ".pre-commit-config.yaml"])
#: Tested in the workflow before it is supported.
NEXT = "3.14"


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_file_parses(path: Path) -> None:
    assert load(path)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_has_no_more_permissions_than_it_needs(path: Path) -> None:
    workflow = load(path)
    assert {"contents": "read"} == workflow["permissions"]
    extra = {
        name: job["permissions"] for name, job in workflow["jobs"].items() if "permissions" in job
    }
    assert extra in ({}, {"publish": {"id-token": "write"}})


def test_every_supported_python_is_tested() -> None:
    project = (ROOT / "pyproject.toml").read_text()
    supported = re.findall(r'"Programming Language :: Python :: (3\.\d+)"', project)
    matrix = load(ROOT / ".github/workflows/tests.yml")["jobs"]["quick"]["strategy"]["matrix"]
    assert [*supported, NEXT] == matrix["python"]
    tox = ConfigParser(interpolation=None)
    tox.read(ROOT / "tox.ini")
    assert tox["testenv:oldest"]["base_python"] == f"python{supported[0]}"


def test_the_workflows_name_tox_environments_that_exist() -> None:
    tox = ConfigParser(interpolation=None)
    tox.read(ROOT / "tox.ini")
    for path in [*WORKFLOWS, ROOT / "CONTRIBUTING.md", ROOT / ".ci/run"]:
        for names in re.findall(r"tox -e ([\w,]+)", path.read_text()):
            for name in names.split(","):
                assert f"testenv:{name}" in tox or re.fullmatch(r"py\d+", name), (path, name)
