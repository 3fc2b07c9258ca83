"""Compare values that were read from stored bytes, strictly and without ever raising."""

from __future__ import annotations

import pickle
from collections import Counter
from types import BuiltinFunctionType, FunctionType
from typing import Any

#: Types whose values are stored alike exactly if they have one type and ``==`` says so.
SCALARS = frozenset({str, bytes, bool, int, type(None)})

#: Pairs that are being compared, by their ids. The objects are kept, so that no id is reused.
_Seen = dict[tuple[int, int], tuple[Any, Any]]


def same(a: Any, b: Any) -> bool:
    """Return whether two values that were read from stored bytes would be stored alike.

    Stricter than ``==``: True and 1, or 1 and 1.0, are different values. Never raises: values
    that cannot be compared are different unless their pickles are equal.
    """
    if type(a) is type(b) and type(a) in SCALARS:
        return bool(a == b)
    try:
        return bool(pickle.dumps(a, 5) == pickle.dumps(b, 5)) or _same_structure(a, b, {})
    except Exception:
        # The values' own code runs here, and may raise anything; "different" loses no change.
        return False


def _same_structure(a: Any, b: Any, seen: _Seen) -> bool:
    # Equal values can have different pickles: a set has no fixed order, and a string that occurs
    # twice is written once if both are one object.
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
    # A pair that was met before is not compared again: a value may contain itself, or another
    # value many times.
    if (id(a), id(b)) in seen:
        return True
    seen[id(a), id(b)] = a, b
    if type(a) in (list, tuple):
        return len(a) == len(b) and all(_same_structure(x, b[n], seen) for n, x in enumerate(a))
    if type(a) is dict:
        entries = list(a.items()), list(b.items())
        return _same_structure(*entries, seen)
    # Any other object is what pickle would store of it.
    return _same_reduction(a.__reduce_ex__(2), b.__reduce_ex__(2), seen)


def _same_reduction(a: Any, b: Any, seen: _Seen) -> bool:
    if isinstance(a, str) or isinstance(b, str):
        return bool(a == b)
    return _same_structure([_plain(part) for part in a], [_plain(part) for part in b], seen)


def _plain(part: Any) -> Any:
    # The fourth and fifth part of a reduction are iterators over items.
    return list(part) if hasattr(part, "__next__") else part
