"""Merge one value of a session that two requests changed: dicts, sets and lists, recursively."""

from __future__ import annotations

from collections.abc import Collection, Hashable
from typing import Any

from beaker_dynamodb.items.special_keys import find
from beaker_dynamodb.sessions.comparison import same

#: Stands for the value of a key that is not there.
MISSING: Any = object()
#: Values that are nested deeper, or have more entries in all, are not merged.
MAX_DEPTH = 50
MAX_ENTRIES = 100_000


def merge_value(
    base: Any, mine: Any, theirs: Any, special_keys: Collection[str] = (), *, rebased: bool = False
) -> Any:
    """Return the value to store for a key that two requests may have changed.

    If only one of them changed it, that one's value is taken. If both did, and all three values
    have the same built-in type, they are merged:

    - a dict key by key, recursively, unless one request replaced the whole record: it changed a
      special key in it, or left no key of ``base`` unchanged;
    - a set by the additions and removals of both;
    - a list by what each request consumed from its front and appended to its end. Removing the
      list counts as consuming all of it.

    Two dicts that both requests created are joined if they do not contradict each other. In any
    other case the later save wins, which is ``mine``.

    :param base: what this request loaded, or `MISSING`.
    :param mine: what it wants to save, or `MISSING`.
    :param theirs: what is stored now, or `MISSING`.
    :param special_keys: names of the special keys inside the value, relative to it.
    :param rebased: ``theirs`` already contains ``base``, merged with another request's changes.
    :returns: the value, which may share parts with the three, or `MISSING` to remove the key.
    """
    try:
        return _Merge(rebased).value(base, mine, theirs, special_keys, 0)
    except Exception:
        # The value is too large, or the code of a dict's key or a set's element raised.
        return mine


def names_inside(key: Any, special_keys: Collection[str]) -> list[str]:
    """Return the names of those special keys that lie in the value of ``key``, relative to it."""
    parts = (name.partition(".") for name in special_keys)
    return [rest for head, _, rest in parts if rest and head == key]


class _TooLarge(Exception):
    """The value has more than `MAX_ENTRIES` entries."""


class _Merge:
    """One run of `merge_value`, which counts the entries that it meets."""

    def __init__(self, rebased: bool) -> None:
        self._rebased = rebased
        self._entries_left = MAX_ENTRIES

    def value(self, base: Any, mine: Any, theirs: Any, special: Collection[str], depth: int) -> Any:
        if _unchanged(base, mine):
            return theirs
        if _unchanged(base, theirs) or depth >= MAX_DEPTH:
            return mine
        missing = [side is MISSING for side in (base, mine, theirs)]
        types = {type(side) for side in (base, mine, theirs) if side is not MISSING}
        if types == {list} and not missing[0]:
            return self._list(base, mine, theirs)
        if types == {dict} and missing == [True, False, False]:
            return self._created(mine, theirs, special, depth)
        if types == {dict} and not any(missing):
            return self._dict(base, mine, theirs, special, depth)
        if types in ({set}, {frozenset}) and not any(missing):
            return _merged_set(base, mine, theirs)
        return mine

    def _charge(self, entries: int) -> None:
        self._entries_left -= entries
        if self._entries_left < 0:
            raise _TooLarge

    # -- dicts --------------------------------------------------------------------------------

    def _dict(self, base: Any, mine: Any, theirs: Any, special: Collection[str], depth: int) -> Any:
        self._charge(len(mine) + len(theirs))
        for side in (mine, theirs):
            if _special_changed(base, side, special) or self._replaced(base, side):
                return mine
        merged = {}
        for key in dict.fromkeys([*theirs, *mine]):
            value = self.value(
                base.get(key, MISSING),
                mine.get(key, MISSING),
                theirs.get(key, MISSING),
                names_inside(key, special),
                depth + 1,
            )
            if value is not MISSING:
                merged[key] = value
        return merged

    def _created(self, mine: Any, theirs: Any, special: Collection[str], depth: int) -> Any:
        if any(_special_changed({}, side, special) for side in (mine, theirs)):
            return mine
        joined = self._joined(mine, theirs, depth)
        return mine if joined is None else joined

    def _joined(self, mine: Any, theirs: Any, depth: int) -> dict[Any, Any] | None:
        """Join two dicts; return None if they have different values for one key."""
        self._charge(len(mine))
        joined = {**theirs, **mine}
        for key in [key for key in mine if key in theirs]:
            values = mine[key], theirs[key]
            if same(*values):
                continue
            inner = None
            if {type(value) for value in values} == {dict} and depth < MAX_DEPTH:
                inner = self._joined(*values, depth + 1)
            if inner is None:
                return None
            joined[key] = inner
        return joined

    def _replaced(self, base: Any, side: Any) -> bool:
        """Return whether a request put another record in the place of a dict.

        It then left no key unchanged, and not only by changes inside the values.
        """
        self._charge(len(base))
        replaced = False
        for key, value in base.items():
            other = side.get(key, MISSING)
            if _unchanged(value, other):
                return False
            replaced = replaced or not self._changed_inside(value, other)
        return replaced

    def _changed_inside(self, value: Any, other: Any) -> bool:
        if type(value) is not type(other):
            return False
        if type(value) is dict:
            # Whether that one was replaced is asked again when it is merged.
            return True
        if type(value) is list:
            return not value or not other or self._kept(value, other) > 0
        if type(value) in (set, frozenset):
            return not value or not other or not value.isdisjoint(other)
        return False

    # -- lists --------------------------------------------------------------------------------

    def _list(self, base: Any, mine: Any, theirs: Any) -> Any:
        removed = mine is MISSING or theirs is MISSING
        my_list, their_list = ([] if side is MISSING else side for side in (mine, theirs))
        kept, appended, recognizable = self._list_change(base, my_list)
        # Nothing of the list is left, and something else is in it: it was replaced.
        if not recognizable or (base and appended and not kept):
            return mine
        their_kept, their_appended, recognizable = self._list_change(base, their_list)
        if recognizable:
            first_kept = len(base) - min(kept, their_kept)
            merged = base[first_kept:] + their_appended + appended
        elif self._rebased:
            # Other requests' entries stand between those that this request has saved before.
            consumed = base[: len(base) - kept]
            merged = their_list[self._kept(consumed, their_list) :] + appended
        else:
            return mine
        return MISSING if removed and not merged else merged

    def _list_change(self, base: list[Any], side: list[Any]) -> tuple[int, list[Any], bool]:
        """Return how many entries at the end of ``base`` were kept, and what was appended.

        And whether that is what happened. Where consumed entries are found again among the
        appended ones, the list was edited in the middle or put into another order.
        """
        kept = self._kept(base, side)
        consumed, appended = base[: len(base) - kept], side[kept:]
        self._charge(len(consumed) * len(appended))
        return kept, appended, not any(same(a, b) for a in consumed for b in appended)

    def _kept(self, base: list[Any], side: list[Any]) -> int:
        """Return the length of the longest end of ``base`` with which ``side`` begins."""
        self._charge(len(base) + len(side))
        # The algorithm of Knuth, Morris and Pratt: borders[n] is the length of the longest proper
        # beginning of side[:n] that is also its end.
        borders = [0, 0]
        for n in range(1, len(side)):
            borders.append(_extended(side, borders, borders[n], side[n]))
        matched = 0
        for entry in base:
            if matched == len(side):
                matched = borders[matched]
            matched = _extended(side, borders, matched, entry)
        return matched


def _unchanged(base: Any, side: Any) -> bool:
    if base is MISSING or side is MISSING:
        return base is side
    return same(base, side)


def _special_changed(base: Any, side: Any, special: Collection[str]) -> bool:
    return not all(
        _unchanged(find(base, name, MISSING), find(side, name, MISSING)) for name in special
    )


def _extended(side: list[Any], borders: list[int], matched: int, entry: Any) -> int:
    """Return how many entries of ``side`` match once ``entry`` follows ``matched`` of them."""
    while matched and not same(side[matched], entry):
        matched = borders[matched]
    return matched + 1 if side and same(side[matched], entry) else 0


def _merged_set(base: Any, mine: Any, theirs: Any) -> Any:
    # By type as well: 1, 1.0 and True are equal, and not the same. Where both requests have put in
    # one that equals the other's, the first of them is stored.
    known, my_entries, their_entries = (
        {_entry(entry): entry for entry in side} for side in (base, mine, theirs)
    )
    kept = [key for key in their_entries if key in my_entries or key not in known]
    added = [key for key in my_entries if key not in known]
    return type(mine)([my_entries[key] for key in added] + [their_entries[key] for key in kept])


def _entry(entry: Any) -> Hashable:
    return type(entry), entry.hex() if type(entry) is float else entry
