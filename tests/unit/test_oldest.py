"""The oldest versions that pyproject.toml allows are the ones that tox tests."""

from __future__ import annotations

from configparser import ConfigParser
from importlib.metadata import requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parent.parent.parent
#: What the package does not ask for itself: tox says why it is pinned all the same.
BESIDES = {"botocore", "setuptools"}


def bounds() -> dict[str, Version]:
    """Give the lower bound of each thing that the package or an extra of a user needs."""
    found = {}
    for text in requires("beaker-dynamodb") or []:
        wanted = Requirement(text)
        extra_of_developer = wanted.marker is not None and not any(
            wanted.marker.evaluate({"extra": extra, "python_version": "3.10"})
            for extra in ("", "cli", "example", "local", "zstd")
        )
        if wanted.name != "beaker-dynamodb" and not extra_of_developer:
            (bound,) = [part for part in wanted.specifier if part.operator == ">="]
            found[wanted.name.lower()] = Version(bound.version)
    return found


def pins() -> dict[str, Version]:
    """Give what tox's environment `oldest` installs."""
    tox = ConfigParser(interpolation=None)
    tox.read(ROOT / "tox.ini")
    lines = tox["testenv:oldest"]["deps"].splitlines()
    found = {}
    for wanted in [Requirement(line) for line in lines if line and not line.startswith("#")]:
        if wanted.name not in BESIDES:
            (pin,) = [part for part in wanted.specifier if part.operator == "=="]
            found[wanted.name.lower()] = Version(pin.version)
    return found


def test_lower_bounds_are_tested() -> None:
    """Each lower bound is a pin of tox's environment `oldest`, and there is no other pin."""
    assert bounds() == pins()
