"""The flag ``--where KEY=VALUE``: sessions by their special keys."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

import click

from beaker_dynamodb.cli.settings import Settings
from beaker_dynamodb.config import converters
from beaker_dynamodb.exceptions import SpecialKeyError
from beaker_dynamodb.items.special_keys import SpecialKeys

where_flag = click.option(
    "--where",
    multiple=True,
    metavar="KEY=VALUE",
    help="Only sessions with this special key, which must have an index; repeat to narrow down.",
)


def conditions(settings: Settings, where: tuple[str, ...]) -> dict[str, Any]:
    """Convert ``KEY=VALUE`` to the types of the option ``special_keys``.

    :raises click.UsageError: a key is not in the option, or a value has another type.
    """
    types = settings.options.special_types
    converted: dict[str, Any] = {}
    for word in where:
        name, equals, value = word.partition("=")
        if not equals:
            raise click.UsageError(f"--where {word!r} is not KEY=VALUE")
        if name not in types:
            raise click.UsageError(f"--where: {name!r} is not in the option special_keys")
        try:
            converted[name] = _convert(types[name], value)
            SpecialKeys(settings.options).attribute(name, converted[name])
        except (ValueError, SpecialKeyError) as error:
            raise click.UsageError(f"--where {word!r}: {error}") from None
    return converted


def _convert(kind: str, value: str) -> Any:
    if kind == "N":
        try:
            return Decimal(value)
        except InvalidOperation:
            raise ValueError("is not a number") from None
    if kind == "BOOL":
        return converters.boolean(value)
    return value.encode() if kind == "B" else value
