"""Encodes and decodes DynamoDB's JSON, faster than botocore, which supports every service."""

from __future__ import annotations

import json
from binascii import a2b_base64, b2a_base64
from collections.abc import Mapping
from typing import Any


def dumps(params: Mapping[str, Any]) -> bytes:
    """Return the parameters of a call as DynamoDB's JSON, with bytes in base64.

    :raises TypeError: a value is neither bytes nor of a type that JSON supports.
    """
    return _encode(params).encode()


def loads(content: bytes) -> dict[str, Any]:
    """Parse a response from GetItem, PutItem or DeleteItem. Others need more decoding.

    :raises ValueError: it is not a JSON object, or an item in it is not valid.
    """
    parsed = _decode(content.decode())
    if not isinstance(parsed, dict):
        raise ValueError("not an object")
    try:
        for member in ("Item", "Attributes"):
            for value in parsed.get(member, {}).values():
                if "S" not in value and "N" not in value:  # rare
                    _decode_bytes(value)
    except (AttributeError, TypeError):
        raise ValueError("not attributes") from None
    return parsed


def _base64(value: object) -> str:
    if isinstance(value, (bytes, bytearray, memoryview)):
        return b2a_base64(value, newline=False).decode()
    raise TypeError(type(value).__name__)


def _decode_bytes(value: dict[str, Any]) -> None:
    """Decode the bytes in an attribute's value, in place."""
    if not isinstance(value, dict):
        raise TypeError(type(value).__name__)
    if "B" in value:
        value["B"] = a2b_base64(value["B"])
    elif "M" in value:
        for inner in value["M"].values():
            _decode_bytes(inner)
    elif "L" in value:
        for inner in value["L"]:
            _decode_bytes(inner)
    elif "BS" in value:
        value["BS"] = [a2b_base64(encoded) for encoded in value["BS"]]


# Created once: json.dumps creates an encoder for each call with these arguments.
_encode = json.JSONEncoder(default=_base64, check_circular=False).encode
_decode = json.JSONDecoder().decode
