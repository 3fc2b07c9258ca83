"""What is in a stored payload, told without running any of it.

A pickle is a program. Here it is read (`inert.py`) with every class and function replaced by a
stand-in that only keeps what it is given.
"""

from __future__ import annotations

import json
import math
from base64 import b64decode
from dataclasses import dataclass
from typing import Any

from beaker_dynamodb.exceptions import PayloadError
from beaker_dynamodb.items.compression import decompress
from beaker_dynamodb.migrate.inert_pickle import InertUnpickler

#: What is told of one payload at most: a pickle of a few bytes can stand for endless lists.
MAX_VALUES, MAX_DEPTH, MAX_BYTES_SHOWN = 10_000, 40, 200
#: Longer integers Python may refuse to write out.
MAX_BITS = 2048
CUT = "…"


@dataclass(frozen=True)
class Description:
    """A payload, described.

    :param format: ``pickle``, ``json``, or why it cannot be read.
    :param value: of dicts, lists, texts and numbers; None where it cannot be read.
    """

    format: str
    value: Any


def described_session(text: str) -> Description:
    """Describe what Beaker's Session stored, of which the first byte tells the serializer.

    :raises PayloadError: the bytes are not what they claim to be.
    """
    try:
        data = b64decode(text, validate=True)
    except ValueError:
        # A nonce with its own base64 before that of the ciphertext.
        return Description("encrypted, or of a serializer of its own", None)
    if data[:1] == b"\x80":
        return Description("pickle", described_pickle(data))
    if data[:1] == b"\x78":
        # Beaker's JSON serializer compresses with zlib.
        return Description("json", _json(decompress(data, "zlib")))
    return Description("of a serializer of its own", None)


def described_pickle(data: bytes) -> Any:
    """Describe a pickle: what it would be, with a dict for each object.

    :raises PayloadError: it is no pickle, or damaged.
    """
    try:
        return _Describer().value(InertUnpickler(data, _stand_in).load())
    except Exception as error:
        # A damaged or hostile pickle fails in any way it likes; its text may hold the payload.
        raise PayloadError(f"a pickle cannot be described: {type(error).__name__}") from None


def _json(data: bytes) -> Any:
    try:
        return _Describer().value(json.loads(data))
    except (ValueError, RecursionError) as error:
        raise PayloadError(f"stored bytes are no JSON: {type(error).__name__}") from None


class _StandIn:
    """Stands for an object of the pickle; keeps what the object would be made of."""

    path = ""

    def __new__(cls, *args: Any, **kwargs: Any) -> _StandIn:
        made = object.__new__(cls)
        made.__dict__["parts"] = {"arguments": [*args, *kwargs.values()]}
        return made

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Take anything."""

    def __setstate__(self, state: Any) -> None:
        self.__dict__["parts"]["state"] = state

    # What the pickle of a list, set or dict of a class of its own asks for.
    def append(self, value: Any) -> None:
        self.__dict__["parts"].setdefault("items", []).append(value)

    add = append

    def extend(self, values: Any) -> None:
        for value in values:
            self.append(value)

    def __setitem__(self, key: Any, value: Any) -> None:
        self.append([key, value])


def _stand_in(path: str) -> Any:
    return type("_StandIn", (_StandIn,), {"path": path})


class _Describer:
    """Makes plain values of what was read, up to a bound."""

    def __init__(self) -> None:
        self._left = MAX_VALUES

    def value(self, value: Any, depth: int = 0) -> Any:
        self._left -= 1
        if depth > MAX_DEPTH or self._left < 0:
            return CUT
        kind = type(value)
        if kind is int and value.bit_length() > MAX_BITS:
            return f"an integer of {value.bit_length():,} bits"
        if kind is float and not math.isfinite(value):
            return str(value)
        if value is None or kind in (bool, int, float, str):
            return value
        if kind in (bytes, bytearray):
            more = CUT if len(value) > MAX_BYTES_SHOWN else ""
            return {"bytes": len(value), "begin": repr(bytes(value[:MAX_BYTES_SHOWN])) + more}
        if kind is dict:
            return {
                key if type(key) is str else json.dumps(self.value(key, depth + 1)): self.value(
                    inner, depth + 1
                )
                for key, inner in self._bounded(value.items())
            }
        if kind in (list, tuple, set, frozenset):
            return [self.value(inner, depth + 1) for inner in self._bounded(value)]
        if isinstance(value, type):
            return {"name": value.__dict__.get("path", CUT)}
        if isinstance(value, _StandIn):
            return self._object(value, depth)
        return CUT

    def _object(self, value: _StandIn, depth: int) -> Any:
        inner = object.__getattribute__(value, "__dict__")
        described = {"object": type(value).__dict__.get("path", CUT)}
        for name, part in inner["parts"].items():
            if part or name == "state":
                described[name] = self.value(part, depth + 1)
        return described

    def _bounded(self, values: Any) -> Any:
        for value in values:
            if self._left < 0:
                return
            yield value
