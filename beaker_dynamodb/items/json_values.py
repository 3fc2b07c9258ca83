"""Check that JSON returns a value exactly as it was, so that a cache hit equals the miss before."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

#: Types that JSON returns unchanged. A subclass comes back as its base, so the type is exact.
_NUMBERS = frozenset({int, float, bool, type(None)})
#: A surrogate pair: two characters that JSON returns as one.
_HALVES = re.compile("[\ud800-\udbff][\udc00-\udfff]")
#: Maximum number of characters of a dict's key in an error message.
_SHOWN_CHARACTERS = 40


class NotJSON(TypeError):
    """Part of a value would come back from JSON as something else.

    The message names its type and its place, and quotes no value.
    """


def check(value: Any) -> None:
    """Refuse a value that JSON would change.

    NaN and the infinities are not changed.

    :raises NotJSON: names the first part that would change.
    :raises RecursionError: the value contains itself, or is nested too deeply.
    """
    _check(value[2] if _is_stored_by_beaker(value) else value, [])


def _is_stored_by_beaker(value: Any) -> bool:
    """Whether a value is the tuple of Beaker's Cache, which also accepts a list in its place."""
    if type(value) is not tuple or len(value) != 3:
        return False
    stored, expire, _ = value
    return type(stored) in (int, float) and type(expire) in (int, float, type(None))


def _check(value: Any, steps: list[Any]) -> None:
    """Check a part.

    :param steps: the keys and indexes that lead to it.
    """
    kind = type(value)
    if kind in _NUMBERS:
        return
    if kind is str:
        if not value.isascii() and _HALVES.search(value):
            raise NotJSON(f"{_place(steps)} is a str with a surrogate pair")
        return
    if kind is list:
        parts: Iterable[tuple[Any, Any]] = enumerate(value)
    elif kind is dict:
        for key in value:
            if type(key) is not str:
                raise NotJSON(f"a key of {_place(steps)} is of type {type(key).__name__}")
            if not key.isascii() and _HALVES.search(key):
                raise NotJSON(f"a key of {_place(steps)} is a str with a surrogate pair")
        parts = value.items()
    else:
        raise NotJSON(f"{_place(steps)} is of type {kind.__name__}")
    for step, part in parts:
        steps.append(step)
        _check(part, steps)
        steps.pop()


def _place(steps: Sequence[Any]) -> str:
    """Return where a part is, such as ``value['a'][3]``."""
    return "value" + "".join(f"[{_shown(step)}]" for step in steps)


def _shown(step: Any) -> str:
    if isinstance(step, str) and len(step) > _SHOWN_CHARACTERS:
        step = step[:_SHOWN_CHARACTERS] + "…"
    return repr(step)
