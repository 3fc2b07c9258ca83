"""A model of sessions in plain Python: a dict for the table, and what each request has read."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from tests.sessions.site import values

#: Lifetime of a session and interval between two refreshes, in seconds.
LIFE, INTERVAL = 1000, 100

Data = dict[str, int]


@dataclass(frozen=True)
class Stored:
    """An item.

    :param writer: the number of the last data change.
    :param born: the number of the session, because an id may be used again.
    """

    data: Data
    writer: int
    born: int
    accessed_ms: int

    @property
    def deadline_ms(self) -> int:
        return self.accessed_ms + LIFE * 1000


@dataclass
class Request:
    """A request in flight.

    :param session: the Session under test.
    :param base: the data that it loaded or saved last, or None.
    :param known: the item that it has read or written last, or None.
    :param gone: whether it has noticed that the loaded session has ended.
    :param ended: whether it has stored nothing since that end. Then an empty session is not stored.
    :param looked: whether it has read the item of its first id.
    :param old_id: the id before `regenerate_id`, until the session is saved.
    :param tried: the id of its last attempt to save. An item may exist under it.
    """

    session: Any
    id: str
    base: Data | None
    known: Stored | None
    gone: bool = False
    ended: bool = False
    looked: bool = False
    old_id: str | None = None
    tried: str | None = None
    saved: bool = False
    deleted: bool = False

    @property
    def mine(self) -> Data:
        return values(self.session)

    def keep_own(self, mine: Data) -> Data:
        """Continue an ended session as a new one with the keys that the request has set, if any."""
        base = self.base or {}
        own = {key: mine[key] for key in mine if base.get(key) != mine[key]}
        self.old_id, self.gone, self.ended = None, not own, True
        if own:
            self.base, self.known = None, None
            assert own == self.mine
        return own


class Table:
    """The items, and the result of each operation."""

    def __init__(self) -> None:
        self.items: dict[str, Stored] = {}
        #: Ids of sessions that ended while they were active, and for which no event was reported.
        self.unreported: list[str] = []
        self.now_ms = 0
        self._numbers = 0

    def number(self) -> int:
        self._numbers += 1
        return self._numbers

    def find(self, id: str) -> Stored | None:
        item = self.items.get(id)
        return item if item is not None and self.now_ms < item.deadline_ms else None

    def present(self, request: Request) -> Stored | None:
        """Return the current item of the session that a request has loaded or would replace."""
        known = request.known
        if known is None:
            return self.find(request.id)
        item = self.find(request.old_id or request.id)
        if item is None and request.old_id is not None:
            item = self.find(request.id)  # its own move, whose response was lost
        return item if item is not None and item.born == known.born else None

    def touched(self, request: Request) -> Stored | None:
        known, present = request.known, self.present(request)
        assert known is not None
        age_ms = self.now_ms - known.accessed_ms
        if age_ms < INTERVAL * 1000 or not present:
            return None
        if (present.writer, present.accessed_ms) != (known.writer, known.accessed_ms):
            return None
        return replace(present, accessed_ms=self.now_ms)

    def saved(self, request: Request, mine: Data) -> Stored | None:
        """Return the item after a save, or None if the session is gone."""
        present, base = self.present(request), request.base or {}
        if request.gone or (request.known is not None and present is None):
            return None
        theirs = present.data if present is not None else {}
        changed = {key: mine[key] for key in mine if base.get(key) != mine[key]}
        kept = {key: theirs[key] for key in theirs if key in mine or key not in base}
        born = present.born if present is not None else self.number()
        accessed_ms = max(self.now_ms, present.accessed_ms if present is not None else 0)
        return Stored({**kept, **changed}, self.number(), born, accessed_ms)

    def end(self, id: str) -> None:
        if self.find(id) is not None:
            self.unreported.append(id)
        self.items.pop(id, None)

    def put(self, request: Request, item: Stored) -> None:
        if request.old_id is not None and request.known is not None:
            self.end(request.old_id)
        self.items[request.id] = item
