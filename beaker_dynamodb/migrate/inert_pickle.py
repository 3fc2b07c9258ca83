"""Read a pickle without running it: nothing that it names is imported or called.

For tools that need a session's plain values, such as the time of its last access. They must not
trust the application's classes and often cannot import them.
"""

from __future__ import annotations

import io
import pickle
from base64 import b64decode
from decimal import Decimal
from typing import Any

from beaker.util import JsonSerializer


class _Unread:
    """Placeholder for an instance of a class that is not imported. Ignores arguments and state."""

    #: Module and name of the class.
    path = ""

    def __new__(cls, *args: Any, **kwargs: Any) -> _Unread:
        return super().__new__(cls)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def __call__(self, *args: Any, **kwargs: Any) -> _Unread:
        return self

    def __setstate__(self, state: Any) -> None:
        pass

    def __setitem__(self, key: Any, value: Any) -> None:
        pass

    def append(self, value: Any) -> None:
        pass

    extend = add = append


#: Types that a pickle may create. Numbers in special keys are Decimal.
_HARMLESS = {
    "decimal.Decimal": Decimal,
    **{f"{module}.set": set for module in ("builtins", "__builtin__")},
    **{f"{module}.frozenset": frozenset for module in ("builtins", "__builtin__")},
}


class _InertUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        path = f"{module}.{name}"
        if path == "_codecs.encode":
            # Pickle protocol 2 stores bytes as a call to this function. Create a new function each
            # time, because a pickle can set attributes of the objects that it finds.
            return lambda string, _: string.encode("latin1")
        return _HARMLESS.get(path) or type("Unread", (_Unread,), {"path": path})

    def persistent_load(self, pid: Any) -> Any:
        return self.find_class("persistent", "id")()


def loads(data: bytes) -> Any:
    """Return the value of a pickle, with an `_Unread` in place of every instance of another class.

    :raises ValueError: the pickle is damaged.
    """
    try:
        return _InertUnpickler(io.BytesIO(data)).load()
    except Exception as error:
        raise ValueError(f"not a pickle: {type(error).__name__}") from None


def session_values(payload: Any) -> dict[str, Any] | None:
    """Return the dict of a session that Beaker stored, or None if it cannot be read.

    Sessions that are encrypted or written by a custom serializer cannot be read.
    """
    try:
        raw = b64decode(payload, validate=True)
        session = JsonSerializer().loads(raw) if raw[:1] == b"\x78" else loads(raw)
    except Exception:
        return None  # zlib, json and base64 each raise different exceptions
    return session if isinstance(session, dict) else None
