"""DynamoDB's JSON, with less work than in botocore, which supports every service and shape."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Any


def dumps(params: Mapping[str, Any]) -> bytes:
    """Return the parameters of a call as DynamoDB's JSON, with bytes in base64.

    :raises TypeError: a value has a type that DynamoDB does not know.
    """
    return json.dumps(params, default=_base64).encode()


def loads(content: bytes) -> Any:
    """Parse a response of GetItem, PutItem or DeleteItem. Others may contain timestamps.

    :raises ValueError: it is not JSON, or bytes in it are not base64.
    """
    return json.loads(content, object_hook=_bytes)


def _base64(value: object) -> str:
    if isinstance(value, (bytes, bytearray, memoryview)):
        return b64encode(value).decode()
    raise TypeError(type(value).__name__)


def _bytes(attribute: dict[str, Any]) -> dict[str, Any]:
    """Decode a value of type B or BS. An attribute may have such a name, too."""
    value = attribute.get("B")
    if isinstance(value, str):
        attribute["B"] = b64decode(value)
    values = attribute.get("BS")
    if isinstance(values, list):
        attribute["BS"] = [b64decode(value) for value in values]
    return attribute
