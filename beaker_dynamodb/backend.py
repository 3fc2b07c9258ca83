"""One configuration's way to the table: its options, keys, codec and items."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from beaker_dynamodb.caches.entry_items import EntryItems
from beaker_dynamodb.caches.outage import Outage, Tally
from beaker_dynamodb.caches.query import Listing
from beaker_dynamodb.items.codec import Codec
from beaker_dynamodb.items.keys import Keys
from beaker_dynamodb.items.special_keys import SpecialKeys
from beaker_dynamodb.items.store import ItemStore
from beaker_dynamodb.sessions.query import SessionItems
from beaker_dynamodb.sessions.refreshes import refreshes_of

if TYPE_CHECKING:
    from beaker_dynamodb.config.options import Options


log = logging.getLogger("beaker_dynamodb")

#: Life of a session whose expiry nobody has set: one day, as the forerunner has it.
DEFAULT_TTL_SECONDS = 86_400.0
#: What Beaker's Session adds to its own timeout before it hands it on (beaker/session.py).
BEAKER_SLACK_SECONDS = 120.0
#: The refresh interval where none is set: this part of a session's life, at most so long.
TOUCH_PART, MAX_TOUCH_SECONDS = 0.05, 300.0
#: A session of more bytes than that, as stored, is worth a word in the log.
LARGE_SESSION_BYTES = 64 * 1024
#: No refresh interval is a larger part of a session's life than this.
TOUCH_CAP = 0.1


class Store:
    """What all managers of one configuration share; made once, safe in threads.

    :param options: the configuration.
    """

    def __init__(self, options: Options) -> None:
        self.options = options
        self.keys = Keys(options)
        self.codec = Codec(options)
        self.special = SpecialKeys(options)
        self.items = ItemStore(options)
        self.entries = EntryItems(self.items)
        self.listing = Listing(self.items, self.keys, self.entries)
        self.outage = Outage(options)
        self.refreshes = refreshes_of(options)
        #: Cache entries that count as missing because this process cannot decode them.
        self.undecodable = Tally()
        self.sessions = SessionItems(self.items, self.keys)
        self.touch_interval_ms = _touch_interval_ms(options)
        self.stale_grace_ms = round(options.stale_grace * 1000)
        self._warned = False

    def note_session_size(self, size: int) -> None:
        """Warn, once, that sessions are large: each request that changes one writes all of it.

        :param size: bytes as stored.
        """
        if size > LARGE_SESSION_BYTES and not self._warned:
            self._warned = True
            log.warning(
                "a session has %d KB as stored: each change of it costs as many write units; "
                "keep large data in a cache, and its key in the session",
                size // 1024,
            )

    def session_deadline_ms(self, accessed_ms: int, expiretime: float | None) -> int | None:
        """Return the expiry of a session that was last accessed then, or None if it never expires.

        :param expiretime: its life in seconds; None: the options say.
        """
        if expiretime is None:
            expiretime = _session_life(self.options)
        return None if expiretime is None else accessed_ms + round(expiretime * 1000)

    def entry_deadline_ms(self, now_ms: int, expiretime: float | None) -> int | None:
        """Give the expiry of a cache entry that is written now; None: never.

        :param expiretime: its life in seconds; None: the options say.
        """
        options = self.options
        if expiretime is None:
            # 0 is "for ever" as the option default_ttl, "at once" as Beaker's expire.
            expiretime = options.default_ttl or None if options.timeout is None else options.timeout
        return None if expiretime is None else now_ms + round(expiretime * 1000)


def _session_life(options: Options) -> float | None:
    """Give a session's life after its last write, in seconds; None: for ever."""
    if options.timeout is not None:
        return options.timeout
    return (DEFAULT_TTL_SECONDS if options.default_ttl is None else options.default_ttl) or None


def _touch_interval_ms(options: Options) -> float:
    wanted = options.touch_interval
    life = _session_life(options)
    if life is None:
        return (MAX_TOUCH_SECONDS if wanted is None else wanted) * 1000
    if options.timeout is not None and options.timeout > BEAKER_SLACK_SECONDS:
        # Beaker itself ends the session by its own, shorter timeout.
        life = options.timeout - BEAKER_SLACK_SECONDS
    if wanted is None:
        wanted = min(life * TOUCH_PART, MAX_TOUCH_SECONDS)
    return min(wanted, life * TOUCH_CAP) * 1000
