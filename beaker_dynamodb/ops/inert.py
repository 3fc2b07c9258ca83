"""Reads a pickle without running any of it: whatever is not plain data becomes a stand-in.

For tools that need a few plain values of a session (when it was last used) or its text, and have
no reason to trust, or even to be able to import, the application's classes.
"""

from __future__ import annotations

import io
import pickle
from base64 import b64decode
from decimal import Decimal
from typing import Any

from beaker.util import JsonSerializer


class Unread:
    """Stands for an object of some class; takes, and forgets, whatever a pickle does to it."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Unread:
        """Take any arguments."""
        return super().__new__(cls)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def __call__(self, *args: Any, **kwargs: Any) -> Unread:
        """Be what a call of it would give, too."""
        return self

    def __setstate__(self, state: Any) -> None:
        pass

    def __setitem__(self, key: Any, value: Any) -> None:
        pass

    def append(self, value: Any) -> None:
        """Take an item of a list."""

    extend = add = append


def _latin1(text: str, encoding: str) -> bytes:
    return text.encode("latin1")


#: Names that stand for plain values: a number, as special keys may hold, and bytes as they are in a
#: pickle of protocol 2, which is Beaker's. Making one does nothing else.
_PLAIN: dict[tuple[str, str], Any] = {
    ("decimal", "Decimal"): Decimal,
    ("_codecs", "encode"): _latin1,
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        return _PLAIN.get((module, name), Unread)


def loads(data: bytes) -> Any:
    """Give the value of a pickle; texts, numbers, lists, dicts and so on are themselves.

    :raises ValueError: it is damaged.
    """
    try:
        return _Unpickler(io.BytesIO(data)).load()
    except Exception as error:
        raise ValueError(f"not a pickle: {type(error).__name__}") from None


def session_values(payload: Any) -> dict[str, Any] | None:
    """Give the dict of a text that Beaker's Session stored; None where it cannot be read.

    It cannot with ``encrypt_key``, or a serializer of the application's own.
    """
    try:
        raw = b64decode(payload, validate=True)
        session = JsonSerializer().loads(raw) if raw[:1] == b"\x78" else loads(raw)
    except Exception:
        # Whatever zlib, json or the text itself may be wrong with.
        return None
    return session if isinstance(session, dict) else None
