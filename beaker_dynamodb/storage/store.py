"""One configuration's way to the table: its options, keys, codec and items."""

from __future__ import annotations

from typing import TYPE_CHECKING

from beaker_dynamodb.storage.codec import Codec
from beaker_dynamodb.storage.items import ItemStore
from beaker_dynamodb.storage.keys import Keys

if TYPE_CHECKING:
    from beaker_dynamodb.config import Options


class Store:
    """What all managers of one configuration share; made once, safe in threads.

    :param options: the configuration.
    """

    def __init__(self, options: Options) -> None:
        self.options = options
        self.keys = Keys(options)
        self.codec = Codec(options.serializer)
        self.items = ItemStore(options)

    def deadline_ms(self, now_ms: int, *lifetimes: float | None) -> int | None:
        """Give the expiry of an item that is written now.

        :param lifetimes: seconds; the first that is not None counts.
        :returns: milliseconds since the epoch; None where no lifetime is given: never.
        """
        for seconds in lifetimes:
            if seconds is not None:
                return now_ms + round(seconds * 1000)
        return None
