"""The README's option table."""

from __future__ import annotations

from dataclasses import Field, fields
from typing import Any

from beaker_dynamodb.config.options import Options


def option_rows() -> list[tuple[str, str, str]]:
    """Return the names, default and description of every option."""
    rows = []
    for spec in fields(Options):
        names = " or ".join(f"`{name}`" for name in (spec.name, *spec.metadata["aliases"]))
        rows.append((names, _default(spec), spec.metadata["help"]))
    return rows


def _default(spec: Field[Any]) -> str:
    text: str | None = spec.metadata["default_text"]
    if text is not None:
        return text
    value = spec.default
    if isinstance(value, bool):
        value = str(value).lower()
    number = f"{value:g}" if isinstance(value, float) else value
    return f"`{number}` {spec.metadata['unit']}".strip()
