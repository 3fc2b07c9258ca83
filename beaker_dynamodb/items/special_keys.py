"""Special keys: session values that are also stored as attributes, for other readers and indexes.

They are never read back into a session, and no signature covers them.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Context, Decimal, DecimalException, Inexact, InvalidOperation, Overflow
from decimal import Subnormal as TooSmall
from typing import Any

from beaker_dynamodb.config.options import Options
from beaker_dynamodb.exceptions import ConfigurationError, MissingSpecialKeys, SpecialKeyError
from beaker_dynamodb.items.item import Attributes

#: Maximum size of an index key (AWS developer guide, quotas: partition key values).
MAX_INDEX_KEY_BYTES = 2048
#: DynamoDB's numbers: 38 digits, 1E-130 to 9.99…E+125 (AWS developer guide, data types).
_NUMBERS = Context(
    prec=38, Emin=-130, Emax=125, traps=[Inexact, InvalidOperation, Overflow, TooSmall]
)
_NOTHING = object()


class SpecialKeys:
    """Converts the special keys of sessions to attributes."""

    def __init__(self, options: Options) -> None:
        self._types = options.special_types
        self.names = tuple(self._types)
        self._indexed = frozenset(options.index_keys)
        self._may_be_missing = options.skip_throw_missing_special_keys

    def attributes(self, session: Mapping[str, Any] | None) -> Attributes:
        """Return the attributes to store with a session's payload.

        :param session: None if its payload cannot be decoded.
        :raises SpecialKeyError: a value does not have the declared type.
        :raises MissingSpecialKeys: keys are missing, and the options do not allow it.
        :raises ConfigurationError: there are special keys, and the payload cannot be decoded.
        """
        if not self._types:
            return {}
        if session is None:
            raise ConfigurationError(
                "option special_keys: Beaker's middleware does not pass readable data (encrypt_key "
                "or a custom data_serializer is set); use beaker_dynamodb.middleware"
            )
        values = {name: find(session, name, _NOTHING) for name in self._types}
        missing = [name for name, value in values.items() if value is _NOTHING]
        if missing and not self._may_be_missing:
            raise MissingSpecialKeys(
                f"the session does not have {', '.join(map(repr, missing))}: add it, or set "
                "skip_throw_missing_special_keys",
                names=missing,
                key=missing[0],
                type=self._types[missing[0]],
            )
        return {
            name: self.attribute(name, value)
            for name, value in values.items()
            if value is not _NOTHING
        }

    def attribute(self, name: str, value: Any) -> Attributes:
        """Return the value of a special key as DynamoDB stores it: ``{"S": "…"}``.

        :raises SpecialKeyError: the value does not have the declared type.
        """
        kind = self._types[name]
        try:
            attribute = _CONVERTERS[kind](value)
            if name in self._indexed and kind in ("S", "B"):
                _check_index_key(attribute[kind])
        except (ValueError, DecimalException) as error:
            # Messages never contain the value: it may be a secret.
            reason = (
                str(error) if isinstance(error, ValueError) else "DynamoDB cannot store this number"
            )
            raise SpecialKeyError(
                f"special key {name!r} is declared as {kind}: {reason}", key=name, type=kind
            ) from None
        return attribute


def find(session: Mapping[str, Any], name: str, default: Any) -> Any:
    """Return the value of a special key; ``user.id`` also means ``id`` in the dict ``user``.

    :param default: returned if the session does not have it.
    """
    if name in session:
        return session[name]
    head, dot, rest = name.partition(".")
    inner = session.get(head) if dot else None
    return find(inner, rest, default) if isinstance(inner, Mapping) else default


def plain_value(attribute: Mapping[str, Any]) -> Any:
    """Return the value of an attribute; a number becomes an int if possible, otherwise a float."""
    ((kind, value),) = attribute.items()
    if kind == "N":
        return int(value) if value.lstrip("-").isdigit() else float(value)
    return bytes(value) if kind == "B" else value


def _type_of(value: Any) -> str:
    name = type(value).__name__
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def _string(value: Any) -> Attributes:
    if not isinstance(value, str):
        raise ValueError(f"{_type_of(value)} is not a str")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError("the str is not valid Unicode") from None
    return {"S": str(value)}


def _number(value: Any) -> Attributes:
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        raise ValueError(f"{_type_of(value)} is not a number")
    number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    if not number.is_finite():
        raise ValueError("DynamoDB cannot store NaN or infinity")
    # 1, 1.0 and Decimal("1.00") become the same string; plus() converts -0 to 0.
    return {"N": format(_NUMBERS.normalize(_NUMBERS.plus(number)), "f")}


def _bytes(value: Any) -> Attributes:
    if not isinstance(value, (bytes, bytearray, memoryview)):
        raise ValueError(f"{_type_of(value)} is not bytes")
    return {"B": bytes(value)}


def _bool(value: Any) -> Attributes:
    if not isinstance(value, bool):
        raise ValueError(f"{_type_of(value)} is not a bool")
    return {"BOOL": value}


_CONVERTERS = {"S": _string, "N": _number, "B": _bytes, "BOOL": _bool}


def _check_index_key(value: str | bytes) -> None:
    size = len(value.encode() if isinstance(value, str) else value)
    if not 1 <= size <= MAX_INDEX_KEY_BYTES:
        raise ValueError(f"{size} bytes; an index key must have 1 to {MAX_INDEX_KEY_BYTES}")
