"""Read pickles that contain only plain data: numbers, strings, containers, dates.

Any other class or function in a pickle is refused before it is imported or called. This is for
unsigned sessions, which anyone who can write to the table may have created.
"""

from __future__ import annotations

import io
import pickle
import re
from collections import OrderedDict, deque
from collections.abc import Callable
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any, ClassVar
from uuid import UUID

from beaker_dynamodb.exceptions import PayloadError

#: Names that a message may quote.
_NAME = r"[A-Za-z0-9_.]{1,100}"


def _bytes() -> bytes:
    """Stand in for ``bytes``, which protocol 2 calls for ``b""``. A length could be huge."""
    return b""


def _bytearray(data: bytes = b"") -> bytearray:
    return bytearray(b"" + data)  # raises TypeError for a number, which would be a length


def _encode(text: str, encoding: str) -> bytes:
    """Stand in for `codecs.encode`, which protocol 2 calls for bytes. Some codecs decompress."""
    return text.encode("latin-1")


def _unset_uuid() -> type:
    """Return a class that creates UUIDs without a value, which the pickle sets later."""

    class Unset:
        def __new__(cls) -> UUID:  # type: ignore[misc]  # a different class on purpose
            return object.__new__(UUID)

    return Unset


#: The names that a pickle may use, each with the function called in its place.
_ALLOWED: dict[str, Callable[..., Any]] = {
    "_codecs.encode": _encode,
    "collections.OrderedDict": OrderedDict,
    "collections.deque": deque,
    "datetime.date": date,
    "datetime.datetime": datetime,
    "datetime.time": time,
    "datetime.timedelta": timedelta,
    "datetime.timezone": timezone,
    "decimal.Decimal": Decimal,
    "uuid.UUID": UUID,
}
for _module in ("builtins", "__builtin__"):  # the latter in protocol 2 and before
    _ALLOWED |= {
        f"{_module}.bytearray": _bytearray,
        f"{_module}.bytes": _bytes,
        f"{_module}.complex": complex,
        f"{_module}.frozenset": frozenset,
        f"{_module}.set": set,
    }
#: Opcodes for registered objects (EXT*), and one that allocates any length before it reads data.
_REFUSED = (pickle.EXT1, pickle.EXT2, pickle.EXT4, pickle.BYTEARRAY8)


# The Python implementation, because opcodes can be removed from it. Those for registered objects
# must go: once an object is cached, `find_class` is not asked.
class _PlainUnpickler(pickle._Unpickler):
    dispatch: ClassVar = {
        opcode: load
        for opcode, load in pickle._Unpickler.dispatch.items()
        if bytes([opcode]) not in _REFUSED
    }

    def find_class(self, module: str, name: str) -> Any:
        path = f"{module}.{name}"
        if path not in _ALLOWED:
            shown = path if re.fullmatch(_NAME, path) else "an object with an unusual name"
            raise PayloadError(
                f"an unsigned session contains {shown}, but may contain only plain data (option "
                "accept_unsigned)"
            )
        call = _ALLOWED[path]
        # A new object each time, because a pickle can set attributes of the objects that it finds.
        return _unset_uuid() if call is UUID else lambda *args: call(*args)


def loads(data: bytes) -> Any:
    """Return the value of a pickle.

    :raises PayloadError: it is damaged, or contains anything but plain data.
    """
    try:
        return _PlainUnpickler(io.BytesIO(data)).load()
    except PayloadError:
        raise
    except Exception as error:
        raise PayloadError(
            f"an unsigned session is not a pickle of plain data: {type(error).__name__}"
        ) from None
