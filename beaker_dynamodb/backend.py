"""The objects that sessions and caches share: options, keys, codec and item store."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from beaker_dynamodb.config.options import Options
from beaker_dynamodb.config.parse import by_name, parse
from beaker_dynamodb.items.codec import Codec
from beaker_dynamodb.items.special_keys import SpecialKeys
from beaker_dynamodb.items.store import ItemStore


class Backend:
    """The shared objects of one configuration. Thread-safe; does no I/O itself.

    :param table_is_default: whether the options leave the table name at its default.
    """

    def __init__(self, options: Options, *, table_is_default: bool = False) -> None:
        self.options = options
        self.table_is_default = table_is_default
        self.items = ItemStore(options)
        self.keys = self.items.keys
        self.codec = Codec(options)
        self.special = SpecialKeys(options)


def backend_for(options: dict[str, Any]) -> Backend:
    """Return the backend of a configuration. Hashable options in the same order share one.

    :raises ConfigurationError: an option is unknown or invalid.
    """
    try:
        return _cached_backend(**options)
    except TypeError:
        # An option has an unhashable value, such as a list.
        return _new_backend(options)


# typed: True and 1 are equal, but different option values. Keyword arguments, because `typed` does
# not look inside a tuple.
@lru_cache(maxsize=256, typed=True)
def _cached_backend(**options: Any) -> Backend:
    return _new_backend(options)


def _new_backend(given: dict[str, Any]) -> Backend:
    named = by_name(given)
    return Backend(parse(named), table_is_default="table_name" not in named)
