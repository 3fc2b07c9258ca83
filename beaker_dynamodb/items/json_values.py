"""Check that JSON does not change a value, so that a cache hit returns the computed value."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

#: Scalars that JSON does not change. Subclasses are not included: JSON returns their base class.
_SCALARS = frozenset({int, float, bool, type(None)})
#: Two characters that JSON returns as one.
_SURROGATE_PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")
#: Maximum number of characters of a dict key in an error message.
_SHOWN_CHARACTERS = 40


class NotJSON(TypeError):
    """Part of a value would come back from JSON as something else.

    The message contains its type and path, but no value.
    """


def check(value: Any) -> None:
    """Refuse a value that JSON would change. Python's JSON keeps NaN and infinity.

    :raises NotJSON: a part would change; the message describes the first one.
    :raises RecursionError: the value contains itself, or is nested too deeply.
    """
    _check(value[2] if _is_stored_by_beaker(value) else value, [])


def _is_stored_by_beaker(value: Any) -> bool:
    """Return whether a value is a tuple from Beaker's Cache, which accepts it back as a list."""
    if type(value) is not tuple or len(value) != 3:
        return False
    stored, expire, _ = value
    return type(stored) in (int, float) and type(expire) in (int, float, type(None))


def _check(value: Any, steps: list[Any]) -> None:
    """Check one part of a value.

    :param steps: the keys and indexes that lead to the part.
    """
    kind = type(value)
    if kind in _SCALARS:
        return
    if kind is str:
        if not value.isascii() and _SURROGATE_PAIR.search(value):
            raise NotJSON(f"{_place(steps)} is a str with a surrogate pair")
        return
    if kind is list:
        parts: Iterable[tuple[Any, Any]] = enumerate(value)
    elif kind is dict:
        for key in value:
            if type(key) is not str:
                raise NotJSON(f"a key of {_place(steps)} is of type {type(key).__name__}")
            if not key.isascii() and _SURROGATE_PAIR.search(key):
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
