"""What an option's text may be: each caster gives the value or a ValueError with the reason."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from beaker_dynamodb.config import urls

_TRUE = frozenset({"true", "yes", "on", "y", "t", "1"})
_FALSE = frozenset({"false", "no", "off", "n", "f", "0"})

#: Table names have 3 to 255 of these characters (AWS developer guide, "Naming rules"); DynamoDB
#: takes the table's ARN as well.
_TABLE_NAME = re.compile(r"[A-Za-z0-9_.-]{3,255}|arn:[^:\s]+:dynamodb:[^:\s]+:\d+:table/\S{3,255}")

#: An attribute name that is part of a key has at most 255 bytes (AWS developer guide, quotas).
MAX_ATTRIBUTE_NAME_BYTES = 255
#: Keeps every key under DynamoDB's 2048 bytes; the parts of a key are bounded in items/keys.py.
MAX_PREFIX_BYTES = 255
#: 128 bits, where every byte is random.
MIN_SIGNING_KEY_BYTES = 16
#: Types of special keys, by DynamoDB's names; one that has an index cannot be a BOOL.
SPECIAL_TYPES = ("S", "N", "B", "BOOL")
#: Three hundred years in seconds: times beyond it are more than DynamoDB's numbers, or Python's
#: dates, can hold.
MAX_NUMBER = 1e10
#: What no value exceeds, compressed (items/compression.py) or not: 64 MB.
MAX_VALUE_BYTES = 64 * 1024 * 1024


def live(value: Any) -> Any:
    """Take a Python object as it is."""
    if isinstance(value, str):
        raise ValueError("takes a Python object, not a text")
    return value


def text(value: Any) -> str:
    """Take a text."""
    if not isinstance(value, str):
        raise ValueError("is not a text")
    return value.strip()


def endpoint_url(value: Any) -> str:
    """Take an address; a user or password in it is left out, as botocore does not send them."""
    return urls.endpoint_url(text(value))


def boolean(value: Any) -> bool:
    """Take true or false and their usual synonyms."""
    word = str(value).strip().lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise ValueError("is neither true nor false")


def number(value: Any) -> float:
    """Take a number that is not negative."""
    try:
        result = float(value)
    except (TypeError, ValueError):
        result = math.nan
    if isinstance(value, bool) or not 0 <= result < math.inf:
        raise ValueError("is not a number of at least 0")
    if result > MAX_NUMBER:
        raise ValueError(f"is more than {MAX_NUMBER:.0f}")
    return result


def positive_number(value: Any) -> float:
    """Take a number above 0."""
    result = number(value)
    if result == 0:
        raise ValueError("must be above 0")
    return result


def positive_integer(value: Any) -> int:
    """Take a whole number above 0."""
    result = positive_number(value)
    if result != int(result):
        raise ValueError("is not a whole number")
    return int(result)


def value_size(value: Any) -> int:
    """Take a whole number of bytes, above 0 and at most `MAX_VALUE_BYTES`."""
    result = positive_integer(value)
    if result > MAX_VALUE_BYTES:
        raise ValueError(f"is more than {MAX_VALUE_BYTES}")
    return result


def choice(*words: str) -> Callable[[Any], str]:
    """Make a caster that takes one of ``words``, in any case of letters."""

    def caster(value: Any) -> str:
        for word in words:
            if str(value).strip().lower() == word.lower():
                return word
        raise ValueError(f"is none of {', '.join(words)}")

    return caster


def table_name(value: Any) -> str:
    """Take a table's name or ARN."""
    name = text(value)
    if not _TABLE_NAME.fullmatch(name):
        raise ValueError("is no table name: 3 to 255 of a-z, A-Z, 0-9, _ - and .")
    return name


def attribute_name(value: Any) -> str:
    """Take the name of an attribute."""
    name = text(value)
    if not 1 <= len(name.encode()) <= MAX_ATTRIBUTE_NAME_BYTES:
        raise ValueError(f"must have 1 to {MAX_ATTRIBUTE_NAME_BYTES} bytes")
    return name


def prefix(value: Any) -> str:
    """Take a key prefix, and end it with a colon where it does not.

    Ids and namespaces never hold an unescaped colon in a key (items/keys.py), so none of them
    can continue one prefix into a longer one.
    """
    name = text(value)
    if "|" in name or "%" in name:
        raise ValueError("cannot hold | or %, which have a meaning in keys")
    if len(name.encode()) > MAX_PREFIX_BYTES:
        raise ValueError(f"has more than {MAX_PREFIX_BYTES} bytes")
    return name if not name or name.endswith(":") else name + ":"


def hash_ids(value: Any) -> bool | str:
    """Take true, false or ``migrate``."""
    return "migrate" if str(value).strip().lower() == "migrate" else boolean(value)


def consistent_read(value: Any) -> bool | str:
    """Take true, false or ``auto``."""
    return "auto" if str(value).strip().lower() == "auto" else boolean(value)


def signing_keys(value: Any) -> tuple[bytes, ...]:
    """Take keys, as a text with commas between them or as a list of texts or bytes.

    No message holds a key, and none says how long one is.
    """
    if isinstance(value, str):
        value = value.split(",")
    elif isinstance(value, bytes):
        value = [value]
    if not isinstance(value, (list, tuple)):
        # In particular no set: which key comes first has to be known.
        raise ValueError("is neither a text nor a list of keys")
    keys = []
    for key in value:
        if not isinstance(key, (str, bytes)):
            raise ValueError("holds something that is neither a text nor bytes")
        keys.append(key.strip().encode("utf-8", "surrogatepass") if isinstance(key, str) else key)
    if not keys or any(len(key) < MIN_SIGNING_KEY_BYTES for key in keys):
        raise ValueError(f"every key must have at least {MIN_SIGNING_KEY_BYTES} bytes")
    return tuple(keys)


def special_keys(value: Any) -> tuple[tuple[str, str], ...]:
    """Take ``name:TYPE, …``, a dict of names and types, or a list of pairs.

    Also a list of dicts with ``name`` and ``type``, as the forerunner has it.
    """
    if isinstance(value, str):
        # What is behind the last comma may be nothing.
        pairs = [_named(part.strip()) for part in value.split(",") if part.strip()]
    elif isinstance(value, Mapping):
        pairs = list(value.items())
    elif isinstance(value, (list, tuple)):
        pairs = [_pair(one) for one in value]
    else:
        raise ValueError("is neither name:TYPE, … nor a dict or a list of names and types")
    kinds = choice(*SPECIAL_TYPES)
    found = {}
    for name, kind in pairs:
        name = attribute_name(name)
        if name in found:
            raise ValueError(f"names {name!r} twice")
        found[name] = kinds(kind)
    return tuple(found.items())


def _named(part: str) -> tuple[str, str]:
    name, colon, kind = part.rpartition(":")
    if not colon or not name:
        raise ValueError(f"holds {part!r}, which is not name:TYPE")
    return name, kind


def _pair(value: Any) -> tuple[Any, Any]:
    if isinstance(value, Mapping) and value.keys() == {"name", "type"}:
        return value["name"], value["type"]
    if isinstance(value, (list, tuple)) and len(value) == 2:
        return value[0], value[1]
    raise ValueError("holds something that is not a name and a type")


def names(value: Any) -> tuple[str, ...]:
    """Take names, as a text with commas between them or as a list of texts."""
    if isinstance(value, str):
        value = [name for name in value.split(",") if name.strip()]
    if not isinstance(value, (list, tuple)):
        raise ValueError("is neither a text nor a list of names")
    return tuple(dict.fromkeys(attribute_name(name) for name in value))


def serializer(value: Any) -> Any:
    """Take ``pickle``, ``json`` or an object that has ``dumps`` and ``loads``."""
    if isinstance(value, str):
        return choice("pickle", "json")(value)
    if not callable(getattr(value, "dumps", None)) or not callable(getattr(value, "loads", None)):
        raise ValueError("is neither pickle nor json nor an object with dumps and loads")
    return value
