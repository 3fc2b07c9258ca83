"""What a request changed in a session, and how two requests' changes become one.

Pure functions over dicts. Everything here works on copies that were read from stored bytes, never
on the application's own objects, so that a change inside a nested list is seen.
"""

from __future__ import annotations

import pickle
from collections import Counter
from collections.abc import Mapping
from types import BuiltinFunctionType, FunctionType
from typing import Any

#: Beaker's time of the last use: refreshed by every request, a change of it is none of the data.
ACCESSED = "_accessed_time"
CREATED = "_creation_time"
#: What is left in a session that was deleted or cleared.
BOOKKEEPING = frozenset({"_domain", "_path"})
#: Types whose values are stored as equals exactly if they are of one type and ``==`` says so.
_SCALARS = frozenset({str, bytes, bool, int, type(None)})


def differs(base: Mapping[str, Any], mine: Mapping[str, Any]) -> bool:
    """Whether anything but the time of the last use was changed, added or removed."""
    if base.keys() - {ACCESSED} != mine.keys() - {ACCESSED}:
        return True
    pairs = [(base[key], value) for key, value in mine.items() if key != ACCESSED]
    # What is quick to compare comes first: it is what changes most, too.
    pairs.sort(key=lambda pair: type(pair[1]) not in _SCALARS)
    return not all(same(a, b) for a, b in pairs)


def merge(
    base: Mapping[str, Any], mine: Mapping[str, Any], theirs: Mapping[str, Any]
) -> dict[str, Any]:
    """Carry what changed between ``base`` and ``mine`` over to ``theirs``, key by key.

    On a key that both have changed, mine wins: it is the later save. Of the last use the later
    time counts, of the creation the earlier.

    :param base: what this request loaded.
    :param mine: what it wants to save.
    :param theirs: what is stored by now.
    """
    merged = {key: value for key, value in theirs.items() if key in mine or key not in base}
    for key, value in mine.items():
        if key not in base or not same(base[key], value):
            merged[key] = value
    for key, choose in ((ACCESSED, max), (CREATED, min)):
        times = [side[key] for side in (mine, theirs) if isinstance(side.get(key), (int, float))]
        if key in merged and times:
            merged[key] = choose(times)
    return merged


def same(a: Any, b: Any) -> bool:
    """Whether two values that were read from stored bytes would be stored as equals.

    Stricter than ``==``: True and 1, or 1 and 1.0, are different values. Never raises: values
    that cannot be compared are different unless their pickles are equal.
    """
    if type(a) is type(b) and type(a) in _SCALARS:
        return bool(a == b)
    try:
        return bool(pickle.dumps(a, 5) == pickle.dumps(b, 5)) or _same_structure(a, b)
    except Exception:
        # The values' own code runs here, and may raise anything; "different" loses no change.
        return False


def _same_structure(a: Any, b: Any) -> bool:
    # Equal values can have different pickles: a set has no fixed order, and a text that occurs
    # twice is written once if both are one object.
    if type(a) is not type(b):
        return False
    if type(a) in _SCALARS:
        return bool(a == b)
    if type(a) is float:
        return bool(a.hex() == b.hex())
    if type(a) in (list, tuple):
        return len(a) == len(b) and all(map(_same_structure, a, b))
    if type(a) is dict:
        return _same_structure(list(a.items()), list(b.items()))
    if type(a) in (set, frozenset):
        return a == b and Counter(map(type, a)) == Counter(map(type, b))
    if isinstance(a, (type, FunctionType, BuiltinFunctionType)):
        return a is b
    # Any other object is what pickle would store of it.
    return _same_reduction(a.__reduce_ex__(2), b.__reduce_ex__(2))


def _same_reduction(a: Any, b: Any) -> bool:
    if isinstance(a, str) or isinstance(b, str):
        return bool(a == b)
    plain_a, plain_b = ([_plain(part) for part in side] for side in (a, b))
    return len(plain_a) == len(plain_b) and all(map(_same_structure, plain_a, plain_b))


def _plain(part: Any) -> Any:
    # The fourth and fifth part of a reduction are iterators over items.
    return list(part) if hasattr(part, "__next__") else part
