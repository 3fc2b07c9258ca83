"""Generate the text for ``<!-- generated: options -->`` and ``<!-- generated: command -->``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import Field, fields
from typing import Any

import click
from sphinx.application import Sphinx

from beaker_dynamodb.cli.main import cli
from beaker_dynamodb.config.options import Options
from beaker_dynamodb.config.security_options import SecurityOptions

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
    "secret": "Cookies and signatures",
}
_SECURITY = frozenset(spec.name for spec in fields(SecurityOptions))


def options() -> Iterator[str]:
    """Return the lines that describe all options, grouped."""
    # dataclasses put inherited fields first.
    for spec in sorted(fields(Options), key=lambda spec: spec.name in _SECURITY):
        if spec.name in GROUPS:
            yield from ("", f"## {GROUPS[spec.name]}", "")
        names = " or ".join(f"`{alias}`" for alias in spec.metadata["aliases"])
        also = f" Also called {names}." if names else ""
        yield from (f":::{{confval}} {spec.name}", "", f"{spec.metadata['help']}{also}", "")
        yield from (f"Default: {_default(spec)}", ":::", "")


def _default(spec: Field[Any]) -> str:
    text: str | None = spec.metadata["default_text"]
    if text is not None:
        return text
    value = spec.default
    if isinstance(value, bool):
        value = str(value).lower()
    number = f"{value:g}" if isinstance(value, float) else value
    return f"`{number}` {spec.metadata['unit']}".strip()


def command() -> Iterator[str]:
    """Return the lines with the help of each subcommand."""
    for name, context in _contexts(cli.make_context("beaker-dynamodb", [], resilient_parsing=True)):
        yield from ("", f"## {name}", "", "```text", context.get_help(), "```")


def _contexts(parent: click.Context) -> Iterator[tuple[str, click.Context]]:
    group = parent.command
    if not isinstance(group, click.Group):
        yield parent.command_path.partition(" ")[2], parent
        return
    for name in group.list_commands(parent):
        found = group.get_command(parent, name) or click.Command(name)
        yield from _contexts(found.make_context(name, [], parent, resilient_parsing=True))


def _insert(app: Sphinx, docname: str, source: list[str]) -> None:
    for name, lines in (("options", options), ("command", command)):
        comment = f"<!-- generated: {name} -->"
        if re.search(f"^{comment}$", source[0], re.MULTILINE):
            source[0] = source[0].replace(comment, "\n".join(lines()))


def setup(app: Sphinx) -> dict[str, bool]:
    """Insert the generated lines when a page is read."""
    app.connect("source-read", _insert)
    return {"parallel_read_safe": True}
