"""How Beaker finds the backend. Each test needs a process: Beaker loads entry points once."""

from __future__ import annotations

import subprocess
import sys

WITHOUT_ENTRY_POINTS = """
import importlib.metadata, sys
importlib.metadata.entry_points = lambda **_: []
sys.modules["pkg_resources"] = None
"""
REGISTER_TWICE = """
import beaker_dynamodb
beaker_dynamodb.register()
beaker_dynamodb.register()
"""
LOOK = """
from beaker.cache import Cache
for name in ("ext:dynamodb", "dynamodb"):
    try:
        print(Cache("news", type=name, table_name="news").namespace.__class__.__name__)
    except TypeError as error:
        print(error)
"""
FOUND = ["DynamoDBNamespaceManager"] * 2


def run(program: str) -> list[str]:
    command = [sys.executable, "-c", program + LOOK]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


def test_entry_points_and_explicit_registration() -> None:
    assert FOUND * 2 == run(LOOK + REGISTER_TWICE)


def test_without_entry_points_the_backend_is_unknown_until_it_is_registered() -> None:
    unknown = [f"Unknown cache implementation '{name}'" for name in ("ext:dynamodb", "dynamodb")]
    assert unknown + FOUND == run(WITHOUT_ENTRY_POINTS + LOOK + REGISTER_TWICE)
