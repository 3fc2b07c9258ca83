"""tox's environment `oldest` tests the lower bounds in pyproject.toml."""

from __future__ import annotations

from configparser import ConfigParser
from importlib.metadata import requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parent.parent.parent
#: Pinned in tox.ini only.
NOT_REQUIRED = {"botocore", "setuptools", "sqlalchemy"}


def versions(requirements: list[Requirement], operator: str) -> dict[str, Version]:
    return {
        one.name.lower(): Version(part.version)
        for one in requirements
        for part in one.specifier
        if part.operator == operator
    }


def is_for_users(requirement: Requirement) -> bool:
    marker, extras = requirement.marker, ("", "cli", "example", "local", "zstd")
    environments = ({"extra": extra, "python_version": "3.10"} for extra in extras)
    return marker is None or any(marker.evaluate(each) for each in environments)


def test_lower_bounds_are_tested() -> None:
    required = [Requirement(line) for line in requires("beaker-dynamodb") or []]
    for_users = [one for one in required if one.name != "beaker-dynamodb" and is_for_users(one)]
    tox = ConfigParser(interpolation=None)
    tox.read(ROOT / "tox.ini")
    lines = tox["testenv:oldest"]["deps"].splitlines()
    pinned = [Requirement(line) for line in lines if line and not line.startswith("#")]
    pins = versions([one for one in pinned if one.name not in NOT_REQUIRED], "==")
    assert versions(for_users, ">=") == pins
    assert len(pins) == len(for_users)
