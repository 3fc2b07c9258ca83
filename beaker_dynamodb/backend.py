"""One configuration: its options, and what reads and writes its items."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from beaker_dynamodb.config.options import Options
from beaker_dynamodb.config.parse import by_name, parse
from beaker_dynamodb.items.codec import Codec
from beaker_dynamodb.items.special_keys import SpecialKeys
from beaker_dynamodb.items.store import ItemStore


class Backend:
    """What sessions and caches of one configuration share. Thread-safe; does no I/O itself.

    :param table_is_default: no option names a table.
    """

    def __init__(self, options: Options, *, table_is_default: bool = False) -> None:
        self.options = options
        self.table_is_default = table_is_default
        self.items = ItemStore(options)
        self.keys = self.items.keys
        self.codec = Codec(options)
        self.special = SpecialKeys(options)


def backend_for(options: dict[str, Any]) -> Backend:
    """Return the backend of a configuration; equal options share one.

    :raises ConfigurationError: an option is unknown or invalid.
    """
    try:
        return _backend_of(tuple(options.items()))
    except TypeError:
        # An unhashable value, such as a list.
        return _backend(options)


# typed: True and 1 are equal, but different values of an option.
@lru_cache(maxsize=256, typed=True)
def _backend_of(items: tuple[tuple[str, Any], ...]) -> Backend:
    return _backend(dict(items))


def _backend(given: dict[str, Any]) -> Backend:
    named = by_name(given)
    return Backend(parse(named), table_is_default="table_name" not in named)
