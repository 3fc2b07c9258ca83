"""The directive ``option-reference``: every option, from the table in the code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import Field, fields
from typing import Any

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from beaker_dynamodb.config.options import Options

#: Headings, and the first option below each. Options keep the order of the code.
GROUPS = {
    "table_name": "The table and its keys",
    "client": "Connection",
    "create_table": "Creating the table",
    "timeout": "Lifetime",
    "concurrency": "Sessions",
    "serializer": "Stored values",
    "special_keys": "Special keys",
    "reap_interval": "Deleting expired items",
    "stale_grace": "Caches",
    "strict_options": "Checks and tests",
}


class OptionReference(SphinxDirective):
    """Write a ``confval`` for each option, below a heading for each group."""

    def run(self) -> list[nodes.Node]:
        """Return the sections."""
        lines = StringList()
        for line in _lines():
            lines.append(line, source="beaker_dynamodb/config/options.py")
        return self.parse_text_to_nodes("\n".join(lines), allow_section_headings=True)


def _lines() -> Iterator[str]:
    for spec in fields(Options):
        if spec.name in GROUPS:
            yield from ("", f"## {GROUPS[spec.name]}", "")
        aliases = spec.metadata["aliases"]
        yield from (":::{confval} " + spec.name, f":default: {_default(spec)}", "")
        yield spec.metadata["help"]
        if aliases:
            yield from ("", f"Also called {', '.join(f'`{name}`' for name in aliases)}.")
        yield from (":::", "")


def _default(spec: Field[Any]) -> str:
    # The field is reStructuredText or Markdown, depending on the page; both read ``x``.
    if spec.metadata["default_text"] is not None:
        return re.sub("`+", "``", spec.metadata["default_text"])
    value = spec.default
    shown = str(value).lower() if isinstance(value, bool) else value
    number = f"{shown:g}" if isinstance(shown, float) else shown
    return f"``{number}`` {spec.metadata['unit']}".strip()


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("option-reference", OptionReference)
    return {"parallel_read_safe": True}
