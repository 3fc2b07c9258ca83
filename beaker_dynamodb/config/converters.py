"""Option converters: each returns the parsed value, or raises ValueError with the reason."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from beaker_dynamodb.config import urls

_TRUE = frozenset({"true", "yes", "on", "y", "t", "1"})
_FALSE = frozenset({"false", "no", "off", "n", "f", "0"})

#: A table name (AWS developer guide, "Naming rules") or ARN.
_TABLE_NAME = re.compile(r"[A-Za-z0-9_.-]{3,255}|arn:[^:\s]+:dynamodb:[^:\s]+:\d+:table/\S{3,255}")

#: DynamoDB's limit for attribute names that are part of a key (AWS developer guide, quotas).
MAX_ATTRIBUTE_NAME_BYTES = 255
#: Keeps keys under DynamoDB's 2048 bytes; items/keys.py limits the other parts of a key.
MAX_PREFIX_BYTES = 255
#: 128 bits, if every byte is random.
MIN_SIGNING_KEY_BYTES = 16
#: DynamoDB types of special keys. BOOL cannot be indexed.
SPECIAL_TYPES = ("S", "N", "B", "BOOL")
#: Three hundred years in seconds. Much longer times overflow Python's dates.
MAX_NUMBER = 1e10


def live(value: Any) -> Any:
    """Accept any Python object except a string."""
    if isinstance(value, str):
        raise ValueError("must be a Python object, not a string")
    return value


def string(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("must be a string")
    return value.strip()


def endpoint_url(value: Any) -> str:
    """Remove user and password from the URL: botocore does not send them."""
    return urls.endpoint_url(string(value))


def boolean(value: Any) -> bool:
    word = str(value).strip().lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise ValueError("must be true or false")


def boolean_or(word: str) -> Callable[[Any], bool | str]:
    """Return a converter that accepts true, false or ``word``."""
    return lambda value: word if str(value).strip().lower() == word else boolean(value)


def number(value: Any) -> float:
    try:
        result = float(value)
    except (TypeError, ValueError):
        result = math.nan
    if isinstance(value, bool) or not 0 <= result < math.inf:
        raise ValueError("must be a non-negative number")
    if result > MAX_NUMBER:
        raise ValueError(f"must be at most {MAX_NUMBER:.0f}")
    return result


def positive_number(value: Any) -> float:
    result = number(value)
    if result == 0:
        raise ValueError("must be greater than 0")
    return result


def positive_integer(value: Any) -> int:
    result = positive_number(value)
    if result != int(result):
        raise ValueError("must be an integer")
    return int(result)


def choice(*words: str) -> Callable[[Any], str]:
    """Return a converter that accepts one of ``words``, ignoring case."""

    def convert(value: Any) -> str:
        for word in words:
            if str(value).strip().lower() == word.lower():
                return word
        raise ValueError(f"must be one of {', '.join(words)}")

    return convert


def table_name(value: Any) -> str:
    name = string(value)
    if not _TABLE_NAME.fullmatch(name):
        raise ValueError("must be an ARN, or 3 to 255 characters from a-z, A-Z, 0-9, _ - and .")
    return name


def attribute_name(value: Any) -> str:
    name = string(value)
    if not 1 <= len(name.encode()) <= MAX_ATTRIBUTE_NAME_BYTES:
        raise ValueError(f"must have 1 to {MAX_ATTRIBUTE_NAME_BYTES} bytes")
    return name


def prefix(value: Any) -> str:
    """Accept a key prefix and add a missing final colon; an empty prefix stays empty.

    Ids and namespaces in a key never contain an unescaped colon (items/keys.py), so none of them
    can be mistaken for a part of a longer prefix.
    """
    name = string(value)
    if "|" in name or "%" in name:
        raise ValueError("must not contain | or %, which have a special meaning in keys")
    if len(name.encode()) > MAX_PREFIX_BYTES:
        raise ValueError(f"must have at most {MAX_PREFIX_BYTES} bytes")
    return name if not name or name.endswith(":") else name + ":"


def secret(value: Any) -> str:
    """Accept a string unchanged: Beaker does not strip it either."""
    if not isinstance(value, str):
        raise ValueError("must be a string")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError("must not contain surrogates") from None
    return value


def secrets(value: Any) -> tuple[str, ...]:
    """Accept a comma-separated string, or a list of strings."""
    if isinstance(value, str):
        value = [part.strip() for part in value.split(",")]
    if not isinstance(value, (list, tuple)):
        raise ValueError("must be a string or a list of strings")
    if not all(value):
        raise ValueError("must not contain an empty secret")
    return tuple(map(secret, value))


def signing_keys(value: Any) -> tuple[bytes, ...]:
    """Accept a comma-separated string, one key as bytes, or a list of strings or bytes.

    Error messages contain neither a key nor its length.
    """
    if isinstance(value, str):
        value = value.split(",")
    elif isinstance(value, bytes):
        value = [value]
    if not isinstance(value, (list, tuple)):
        # Refuse a set, which has no order: the first key signs.
        raise ValueError("must be a string or a list of keys")
    keys = []
    for key in value:
        if not isinstance(key, (str, bytes)):
            raise ValueError("must contain only strings or bytes")
        keys.append(key.strip().encode("utf-8", "surrogatepass") if isinstance(key, str) else key)
    if not keys or any(len(key) < MIN_SIGNING_KEY_BYTES for key in keys):
        raise ValueError(f"every key must have at least {MIN_SIGNING_KEY_BYTES} bytes")
    return tuple(keys)


class SpecialKey(NamedTuple):
    """A session key that is copied to an attribute.

    :param type: one of `SPECIAL_TYPES`.
    :param indexed: whether it has a global secondary index.
    """

    name: str
    type: str
    indexed: bool = False


def special_keys(value: Any) -> tuple[SpecialKey, ...]:
    """Accept ``name:TYPE, name:TYPE:index, …``, a dict of names and types, or a list of pairs.

    A list of dicts with ``name`` and ``type``, as in this package's predecessor, works too.
    """
    if isinstance(value, str):
        pairs = [_named(part.strip()) for part in value.split(",") if part.strip()]
    elif isinstance(value, Mapping):
        pairs = list(value.items())
    elif isinstance(value, (list, tuple)):
        pairs = [_pair(entry) for entry in value]
    else:
        raise ValueError("must be name:TYPE, … or a dict or a list of names and types")
    found: dict[str, SpecialKey] = {}
    for name, kind in pairs:
        name = attribute_name(name)
        if name in found:
            raise ValueError(f"contains {name!r} twice")
        type_, *index = (word.strip().lower() for word in str(kind).split(":"))
        if index not in ([], ["index"]):
            raise ValueError(f"{name!r} must have a type such as S or S:index")
        found[name] = SpecialKey(name, choice(*SPECIAL_TYPES)(type_), indexed=bool(index))
    return tuple(found.values())


def _named(part: str) -> tuple[str, str]:
    """Split ``name:TYPE`` or ``name:TYPE:index``; a name may contain colons."""
    name, _, kind = part.rpartition(":")
    if kind.strip().lower() == "index":
        name, _, rest = name.rpartition(":")
        kind = f"{rest}:{kind}"
    if not name:
        raise ValueError(f"contains {part!r}, which is not name:TYPE")
    return name, kind


def _pair(value: Any) -> tuple[Any, Any]:
    if isinstance(value, Mapping) and value.keys() == {"name", "type"}:
        return value["name"], value["type"]
    if isinstance(value, (list, tuple)) and len(value) == 2:
        return value[0], value[1]
    raise ValueError("must contain only pairs of a name and a type")


def serializer(value: Any) -> Any:
    """Accept ``pickle``, ``json`` or an object with ``dumps`` and ``loads``."""
    if isinstance(value, str):
        return choice("pickle", "json")(value)
    if not callable(getattr(value, "dumps", None)) or not callable(getattr(value, "loads", None)):
        raise ValueError("must be pickle, json or an object with dumps and loads")
    return value
