"""Writes the tables of a result into the documentation, between markers."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.report import goal_table, growth_markdown, markdown
from benchmarks.servers.stores import ROOT

#: The page with all tables.
TABLES = "docs/explanation/performance-tables.md"
#: The folder of the charts.
CHARTS = ROOT / "docs" / "charts"
#: By page and marker, the function that returns the content.
Pages = dict[str, dict[str, Callable[[dict[str, Any]], str]]]
#: Pages of a whole run.
PAGES: Pages = {
    "docs/explanation/performance.md": {"performance": goal_table},
    TABLES: {"results": markdown},
}
#: Pages of a run with ``--growth-only``.
GROWTH_PAGES: Pages = {TABLES: {"growth": growth_markdown}}


def write(result: dict[str, Any], pages: Pages, root: Path = ROOT) -> None:
    """Replace the text between ``<!-- NAME -->`` and ``<!-- /NAME -->``."""
    for page, parts in pages.items():
        path = root / page
        text = path.read_text()
        for name, make in parts.items():
            text = replaced(text, name, make(result))
        path.write_text(text)


def replaced(text: str, name: str, content: str) -> str:
    """Return a page with new content between two markers.

    :raises ValueError: the page has no such markers.
    """
    pattern = rf"(?<=<!-- {name} -->\n).*?(?=<!-- /{name} -->)"
    new, found = re.subn(pattern, lambda _: content.rstrip("\n") + "\n", text, flags=re.DOTALL)
    if not found:
        raise ValueError(f"<!-- {name} --> … <!-- /{name} --> is missing")
    return new
