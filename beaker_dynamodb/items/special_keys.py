"""Special keys: what of a session is copied to attributes of its item, to be read and indexed.

They are copies: nothing is ever read back from them into a session, and no signature covers them.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Context, Decimal, DecimalException, Inexact, InvalidOperation, Overflow
from decimal import Subnormal as TooSmall
from typing import TYPE_CHECKING, Any

from beaker_dynamodb.exceptions import ConfigurationError, MissingSpecialKeys, SpecialKeyError

if TYPE_CHECKING:
    from beaker_dynamodb.config.options import Options
    from beaker_dynamodb.items.item import Attributes

#: What an index's key may hold at most (AWS developer guide, quotas: partition key values).
MAX_INDEX_KEY_BYTES = 2048
#: DynamoDB's numbers: 38 digits, 1E-130 to 9.99…E+125 (AWS developer guide, data types).
_NUMBERS = Context(
    prec=38, Emin=-130, Emax=125, traps=[Inexact, InvalidOperation, Overflow, TooSmall]
)
_NOTHING = object()


class SpecialKeys:
    """Copies the special keys of sessions.

    :param options: of the configuration.
    """

    def __init__(self, options: Options) -> None:
        self._types = dict(options.special_keys)
        #: The names of the special keys.
        self.names = tuple(self._types)
        self._indexed = frozenset(options.index_keys)
        self._may_be_missing = options.skip_throw_missing_special_keys

    def attributes(self, session: Mapping[str, Any] | None) -> Attributes:
        """Give the attributes to store beside a session's payload.

        :param session: the session; None where its payload cannot be read.
        :raises SpecialKeyError: a value is not of the declared type.
        :raises MissingSpecialKeys: keys are missing, and may not be.
        :raises ConfigurationError: there are special keys, and the payload cannot be read.
        """
        if not self._types:
            return {}
        if session is None:
            raise ConfigurationError(
                "option special_keys: this session's payload cannot be read here (encrypt_key, or "
                "a data_serializer of your own); use SessionMiddleware of "
                "beaker_dynamodb.middleware, which can"
            )
        values = {name: find(session, name, _NOTHING) for name in self._types}
        missing = [name for name, value in values.items() if value is _NOTHING]
        if missing and not self._may_be_missing:
            raise MissingSpecialKeys(
                f"the session has no {', '.join(map(repr, missing))}: set it, or set "
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
        """Give a special key's value as DynamoDB has it: ``{"S": "…"}``.

        :param name: one of ``special_keys``.
        :raises SpecialKeyError: the value is not of the declared type.
        """
        kind = self._types[name]
        try:
            attribute = _CONVERTERS[kind](value)
            if name in self._indexed and kind in ("S", "B"):
                _check_index_key(attribute[kind])
        except (ValueError, DecimalException) as error:
            # The value itself is in no message: it may be a secret.
            reason = str(error) if isinstance(error, ValueError) else "no number of DynamoDB's"
            raise SpecialKeyError(
                f"special key {name!r} is declared as {kind}: {reason}", key=name, type=kind
            ) from None
        return attribute


def find(session: Mapping[str, Any], name: str, default: Any) -> Any:
    """Return the value of a special key: of that very name, or of ``id`` in the dict ``user``.

    :param default: what to return if there is none.
    """
    if name in session:
        return session[name]
    head, dot, rest = name.partition(".")
    inner = session.get(head) if dot else None
    return find(inner, rest, default) if isinstance(inner, Mapping) else default


def _a(value: Any) -> str:
    name = type(value).__name__
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def _text(value: Any) -> Attributes:
    if not isinstance(value, str):
        raise ValueError(f"{_a(value)} is no text")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError("the text is no Unicode") from None
    return {"S": str(value)}


def _number(value: Any) -> Attributes:
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        raise ValueError(f"{_a(value)} is no number")
    number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    if not number.is_finite():
        raise ValueError("NaN and infinity are no numbers of DynamoDB's")
    # One text for one number: 1, 1.0 and Decimal("1.00"); plus() takes the sign off a zero.
    return {"N": format(_NUMBERS.normalize(_NUMBERS.plus(number)), "f")}


def _bytes(value: Any) -> Attributes:
    if not isinstance(value, (bytes, bytearray, memoryview)):
        raise ValueError(f"{_a(value)} is no bytes")
    return {"B": bytes(value)}


def _bool(value: Any) -> Attributes:
    if not isinstance(value, bool):
        raise ValueError(f"{_a(value)} is no bool")
    return {"BOOL": value}


_CONVERTERS = {"S": _text, "N": _number, "B": _bytes, "BOOL": _bool}


def _check_index_key(value: str | bytes) -> None:
    size = len(value.encode() if isinstance(value, str) else value)
    if not 1 <= size <= MAX_INDEX_KEY_BYTES:
        raise ValueError(f"{size} bytes, and an index's key has 1 to {MAX_INDEX_KEY_BYTES}")
