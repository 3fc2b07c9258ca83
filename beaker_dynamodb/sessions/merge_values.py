"""Merge a session value that two requests changed: dicts, sets and lists, recursively."""

from __future__ import annotations

from collections.abc import Collection, Hashable
from typing import Any

from beaker_dynamodb.items.special_keys import find
from beaker_dynamodb.sessions.comparison import same

#: Placeholder for a missing key.
MISSING: Any = object()
#: Limits for merging. The later save wins if a value is nested deeper or has more entries.
MAX_DEPTH = 50
MAX_ENTRIES = 100_000


def merge_value(
    base: Any, mine: Any, theirs: Any, special_keys: Collection[str], *, rebased: bool
) -> Any:
    """Return the value to store for a key that two requests may have changed.

    If only one request changed it, that request's value wins. If both did, values of the same
    built-in type are merged:

    - a dict: key by key, recursively, unless a request replaced the whole dict. It did if it
      changed a special key in it, or if it left no key of ``base`` unchanged and replaced or
      removed at least one value, rather than editing it in place;
    - a set: by the additions and removals of both requests;
    - a list: by what each request consumed from its front and appended to its end. Removing the
      list counts as consuming all of it.

    If both requests created a dict, the two are joined unless they contradict each other. In any
    other case the later save, ``mine``, wins.

    :param base: the value that this request loaded, or `MISSING`.
    :param mine: the value to save, or `MISSING`.
    :param theirs: the value that is stored now, or `MISSING`.
    :param special_keys: names of the special keys inside the value, relative to it.
    :param rebased: see `merge.merge`.
    :returns: the value, or `MISSING` to remove the key. It may share parts with the arguments.
    """
    try:
        return _Merge(rebased).value(base, mine, theirs, special_keys, 0)
    except Exception:
        # The value is too large, or a custom __hash__ or __eq__ raised.
        return mine


def names_inside(key: Any, special_keys: Collection[str]) -> list[str]:
    """Return the special keys inside the value of ``key``, relative to it."""
    parts = (name.partition(".") for name in special_keys)
    return [rest for head, _, rest in parts if rest and head == key]


class _TooLarge(Exception):
    """The value has more than `MAX_ENTRIES` entries."""


class _Merge:
    """One call of `merge_value`. Counts the entries it compares."""

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
                # The special keys were compared above.
                (),
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
        """Return the union of two dicts, or None if they contradict each other."""
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
        """Return whether a request replaced the dict rather than edited it.

        If so, no key is unchanged, and at least one value was replaced too.
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
            # Merging the nested dict decides whether it was replaced.
            return True
        if type(value) is list:
            return not value or not other or self._kept(value, other) > 0
        if type(value) in (set, frozenset):
            return not value or not other or not value.isdisjoint(other)
        return False

    def _list(self, base: Any, mine: Any, theirs: Any) -> Any:
        removed = mine is MISSING or theirs is MISSING
        my_list, their_list = ([] if side is MISSING else side for side in (mine, theirs))
        kept, appended, recognizable = self._list_change(base, my_list)
        # Entries were added and none was kept: the list was replaced.
        if not recognizable or (base and appended and not kept):
            return mine
        their_kept, their_appended, recognizable = self._list_change(base, their_list)
        if recognizable:
            first_kept = len(base) - min(kept, their_kept)
            merged = base[first_kept:] + their_appended + appended
        elif self._rebased:
            # Other requests' entries are between entries that this request has saved before.
            consumed = base[: len(base) - kept]
            merged = their_list[self._kept(consumed, their_list) :] + appended
        else:
            return mine
        return MISSING if removed and not merged else merged

    def _list_change(self, base: list[Any], side: list[Any]) -> tuple[int, list[Any], bool]:
        """Return how many entries at the end of ``base`` were kept, and what was appended.

        The third value is False if the list changed in any other way: an entry that is both
        consumed and appended was moved.
        """
        kept = self._kept(base, side)
        consumed, appended = base[: len(base) - kept], side[kept:]
        self._charge(len(consumed) * len(appended))
        return kept, appended, not any(same(a, b) for a in consumed for b in appended)

    def _kept(self, base: list[Any], side: list[Any]) -> int:
        """Return the length of the longest suffix of ``base`` that is a prefix of ``side``."""
        self._charge(len(base) + len(side))
        # Knuth-Morris-Pratt, in linear time. borders[n] is the length of the longest proper prefix
        # of side[:n] that is also its suffix.
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
    """Return the length of the matched prefix of ``side``, ``matched`` so far, after ``entry``."""
    while matched and not same(side[matched], entry):
        matched = borders[matched]
    return matched + 1 if side and same(side[matched], entry) else 0


def _merged_set(base: Any, mine: Any, theirs: Any) -> Any:
    # Compare types too: 1, 1.0 and True are equal, but different elements.
    known, my_entries, their_entries = (
        {_element(entry): entry for entry in side} for side in (base, mine, theirs)
    )
    kept = [key for key in their_entries if key in my_entries or key not in known]
    added = [key for key in my_entries if key not in known]
    return type(mine)([my_entries[key] for key in added] + [their_entries[key] for key in kept])


def _element(value: Any) -> Hashable:
    return type(value), value.hex() if type(value) is float else value
