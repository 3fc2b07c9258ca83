"""Declare options, and show their values without secrets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import Field, field
from typing import Any

from beaker_dynamodb.config import converters, urls


def option(
    convert: Callable[[Any], Any],
    help: str,
    *,
    default: Any = None,
    default_text: str | None = None,
    unit: str = "",
    aliases: tuple[str, ...] = (),
    secret: bool = False,
) -> Any:
    """Declare an option as a dataclass field.

    :param convert: converts a string or a Python value; raises ValueError with the reason.
    :param help: description for the documentation and ``--help``.
    :param default_text: the default in words, if ``default`` does not explain it. For a
        ``default`` of None or (), it is "none" unless given.
    :param unit: unit of a number, or an empty string.
    :param aliases: other names of the same option.
    :param secret: whether to hide the value in reprs and messages.
    """
    if default_text is None and default in (None, ()):
        default_text = "none"
    metadata = {
        "convert": convert,
        "help": help,
        "default_text": default_text,
        "unit": unit,
        "aliases": aliases,
        "secret": secret,
        # A Python object, which an INI file or URL cannot hold.
        "live": convert is converters.live,
    }
    return field(default=default, metadata=metadata)


def shown_value(spec: Field[Any], value: object) -> str:
    """Return the repr of an option's value, without secrets."""
    if spec.metadata["secret"]:
        return urls.HIDDEN
    if spec.name == "endpoint_url" and isinstance(value, str):
        value = urls.shown(value)
    return repr(value)
