"""Puts the tables of a result into the pages that show them, between their markers."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.report import goal_table, markdown
from benchmarks.servers.stores import ROOT

#: Which page shows what.
PAGES: dict[str, dict[str, Callable[[dict[str, Any]], str]]] = {
    "README.md": {"performance": goal_table},
    "docs/performance.md": {"results": partial(markdown, brief=True)},
}


def write(result: dict[str, Any], root: Path = ROOT) -> None:
    """Replace what stands between ``<!-- NAME -->`` and ``<!-- /NAME -->``."""
    for page, parts in PAGES.items():
        path = root / page
        text = path.read_text()
        for name, make in parts.items():
            text = replaced(text, name, make(result))
        path.write_text(text)


def replaced(text: str, name: str, content: str) -> str:
    """Give a page's text with the new content between the markers of that name.

    :raises ValueError: the page has no such markers.
    """
    pattern = rf"(?<=<!-- {name} -->\n).*?(?=<!-- /{name} -->)"
    new, found = re.subn(pattern, lambda _: content.rstrip("\n") + "\n", text, flags=re.DOTALL)
    if not found:
        raise ValueError(f"there is no <!-- {name} --> … <!-- /{name} -->")
    return new
