"""What may be seen of sessions, in plain Python: a table that is a dict, and what requests know."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

#: Seconds that a session lives after its last write, and between two refreshes.
LIFE, INTERVAL = 1000, 100

Data = dict[str, int]


@dataclass(frozen=True)
class Stored:
    """An item.

    :param writer: which change of data this is.
    :param born: which session this is: two may have the same id, one after the other.
    """

    data: Data
    writer: int
    born: int
    accessed_ms: int

    @property
    def deadline_ms(self) -> int:
        """When it has expired."""
        return self.accessed_ms + LIFE * 1000


@dataclass
class Request:
    """A request in flight.

    :param session: the Session under test.
    :param base: what it has loaded, or saved last; None: neither.
    :param known: the item as it knows it; None: it has found none.
    :param gone: it knows that the session which it had loaded is not there any more.
    :param ended: it has found that out and has stored nothing since: an empty session is not kept.
    :param looked: it has looked under the id that it had at first.
    :param old_id: the id before `regenerate_id`, until it is saved.
    :param tried: the id under which it has tried to save last, so that there may be an item.
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
        """What the application has in the session."""
        return {key: self.session[key] for key in self.session if not key.startswith("_")}


class Table:
    """The items, and what each operation makes of them."""

    def __init__(self) -> None:
        self.items: dict[str, Stored] = {}
        self.now_ms = 0
        self._numbers = 0

    def number(self) -> int:
        """Give a number that nobody else has."""
        self._numbers += 1
        return self._numbers

    def find(self, id: str) -> Stored | None:
        """Give what a request finds."""
        item = self.items.get(id)
        return item if item is not None and self.now_ms < item.deadline_ms else None

    def present(self, request: Request) -> Stored | None:
        """Give what is there of the session that a request has loaded, or would write over."""
        known = request.known
        if known is None:
            return self.find(request.id)
        item = self.find(request.old_id or request.id)
        if item is None and request.old_id is not None:
            item = self.find(request.id)  # its own move, of which it has not heard
        return item if item is not None and item.born == known.born else None

    def touched(self, request: Request) -> Stored | None:
        """Give the item after the end of a request that has changed nothing; None: no write."""
        known, present = request.known, self.present(request)
        assert known is not None
        age_ms = self.now_ms - known.accessed_ms
        if age_ms < INTERVAL * 1000 or not present:
            return None
        if (present.writer, present.accessed_ms) != (known.writer, known.accessed_ms):
            return None
        return replace(present, accessed_ms=self.now_ms)

    def saved(self, request: Request, mine: Data) -> Stored | None:
        """Give the item after a save; None: the session is gone."""
        present, base = self.present(request), request.base or {}
        if request.gone or (request.known is not None and present is None):
            return None
        theirs = present.data if present is not None else {}
        changed = {key: mine[key] for key in mine if base.get(key) != mine[key]}
        kept = {key: theirs[key] for key in theirs if key in mine or key not in base}
        born = present.born if present is not None else self.number()
        accessed_ms = max(self.now_ms, present.accessed_ms if present is not None else 0)
        return Stored({**kept, **changed}, self.number(), born, accessed_ms)

    def put(self, request: Request, item: Stored) -> None:
        """Write an item; one that moves is no longer where it was."""
        if request.old_id is not None and request.known is not None:
            self.items.pop(request.old_id, None)
        self.items[request.id] = item
