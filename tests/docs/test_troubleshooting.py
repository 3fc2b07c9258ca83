"""The messages that the troubleshooting page quotes."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, page

QUOTED = re.findall(
    r"^\| `([^`]+)` \|",
    page("docs/howto/troubleshooting.md").text.split("## By message")[1],
    re.MULTILINE,
)


def strings(path: Path) -> str:
    """Return a module's string constants, including the fixed parts of f-strings, one per line."""
    tree = ast.parse(path.read_text())
    found = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    return "\n".join(value for value in found if isinstance(value, str))


ALL = "\n".join(strings(path) for path in sorted((ROOT / "beaker_dynamodb").rglob("*.py")))


@pytest.mark.parametrize("message", QUOTED)
def test_the_package_has_a_quoted_message(message: str) -> None:
    assert message in ALL
