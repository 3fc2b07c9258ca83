"""Reads a pickle without running any of it: whatever is not plain data becomes a stand-in.

For tools that need a few plain values of a session (when it was last used) or its text, and have
no reason to trust, or even to be able to import, the application's classes.
"""

from __future__ import annotations

import io
import pickle
from base64 import b64decode
from collections.abc import Callable
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


class InertUnpickler(pickle.Unpickler):
    """Reads a pickle: nothing is imported, and nothing that it names is called.

    :param stand_in: gives what stands for a class or function, of which it gets module and name
        with a dot between them; ``persistent`` stands for what the pickle says is kept elsewhere.
    """

    def __init__(self, data: bytes, stand_in: Callable[[str], Any]) -> None:
        super().__init__(io.BytesIO(data))
        self._stand_in = stand_in

    def find_class(self, module: str, name: str) -> Any:
        """Give the stand-in for a name."""
        if (module, name) == ("_codecs", "encode"):
            # How bytes stand in a pickle of protocol 2, which is Beaker's. A new function each
            # time: a pickle can set attributes of what it has found.
            return lambda text, _: text.encode("latin1")
        return self._stand_in(f"{module}.{name}")

    def persistent_load(self, pid: Any) -> Any:
        """Give the stand-in for what is kept elsewhere."""
        return self._stand_in("persistent")(pid)


def _plain(path: str) -> Any:
    # A number, as special keys may hold; making one does nothing else.
    return Decimal if path == "decimal.Decimal" else Unread


def loads(data: bytes) -> Any:
    """Give the value of a pickle; texts, numbers, lists, dicts and so on are themselves.

    :raises ValueError: it is damaged.
    """
    try:
        return InertUnpickler(data, _plain).load()
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
