"""Compare decoded values as they would be stored. Never raises."""

from __future__ import annotations

import pickle
from collections import Counter
from types import BuiltinFunctionType, FunctionType
from typing import Any

#: Types whose values are stored alike if they have the same type and are equal.
SCALARS = frozenset({str, bytes, bool, int, type(None)})

#: Pairs whose comparison has begun, by their ids. Keeping the objects prevents reuse of the ids.
_Seen = dict[tuple[int, int], tuple[Any, Any]]


def same(a: Any, b: Any) -> bool:
    """Return whether two decoded values would be stored alike.

    Stricter than ``==``: True and 1, 1 and 1.0, or dicts with a different order of keys, are
    different. So are values that cannot be compared, unless their pickles are equal.
    """
    if type(a) in SCALARS:
        return type(a) is type(b) and bool(a == b)
    try:
        one, other = (pickle.dumps(value, 5) for value in (a, b))
        return one == other or _same_structure(a, b, {})
    except Exception:
        # The values' own code raised. Treating them as different loses no change.
        return False


def _same_structure(a: Any, b: Any, seen: _Seen) -> bool:
    # Equal values can have different pickles: a set has no fixed order, and pickle writes a string
    # that occurs twice only once if both are the same object.
    if type(a) is not type(b):
        return False
    if type(a) in SCALARS:
        return bool(a == b)
    if type(a) is float:
        return bool(a.hex() == b.hex())
    if type(a) in (set, frozenset):
        return a == b and Counter(map(type, a)) == Counter(map(type, b))
    if isinstance(a, (type, FunctionType, BuiltinFunctionType)):
        return a is b
    # A value may contain itself, or another value many times.
    if (id(a), id(b)) in seen:
        return True
    seen[id(a), id(b)] = a, b
    if type(a) in (list, tuple):
        return len(a) == len(b) and all(_same_structure(x, b[n], seen) for n, x in enumerate(a))
    if type(a) is dict:
        entries = list(a.items()), list(b.items())
        return _same_structure(*entries, seen)
    # Compare other objects by the parts that pickle would store.
    one, other = (value.__reduce_ex__(2) for value in (a, b))
    if isinstance(one, str):  # the name of a global
        return bool(one == other)
    return _same_structure([_plain(part) for part in one], [_plain(part) for part in other], seen)


def _plain(part: Any) -> Any:
    # The fourth and fifth elements of a reduction are iterators.
    return list(part) if hasattr(part, "__next__") else part
