"""`register()`, in processes of their own: Beaker loads entry points once per process."""

from __future__ import annotations

import subprocess
import sys

import pytest

WITHOUT_ENTRY_POINTS = """
import importlib.metadata, sys
importlib.metadata.entry_points = lambda **_: []
sys.modules["pkg_resources"] = None
"""

ASK = """
from beaker.cache import Cache
try:
    print(Cache("news", type=sys.argv[1], table_name="news").namespace.__class__.__name__)
except TypeError as error:
    print(error)
"""


def ask(program: str, name: str) -> str:
    """Run a program that prints the class of the backend of that name."""
    command = [sys.executable, "-c", f"import sys\n{program}{ASK}", name]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


NAMES = pytest.mark.parametrize("name", ["ext:dynamodb", "dynamodb"])
REGISTER = "import beaker_dynamodb\nbeaker_dynamodb.register()\n"


@NAMES
def test_entry_point(name: str) -> None:
    """Where the package is installed nothing needs to be imported or called."""
    assert "DynamoDBNamespaceManager" == ask("", name)


def test_without() -> None:
    """Without entry points Beaker does not know the backend."""
    assert "Unknown cache implementation 'ext:dynamodb'" == ask(
        WITHOUT_ENTRY_POINTS, "ext:dynamodb"
    )


@NAMES
@pytest.mark.parametrize("before", ["", WITHOUT_ENTRY_POINTS], ids=["with", "without"])
@pytest.mark.parametrize("times", [1, 2])
def test_register(name: str, before: str, times: int) -> None:
    """After register() it does, with or without entry points, however often it is called."""
    assert "DynamoDBNamespaceManager" == ask(before + REGISTER * times, name)
