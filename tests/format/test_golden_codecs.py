"""Literal payloads under each label of ``codec``: readable by every later version."""

from __future__ import annotations

import json
import random
from base64 import b64decode
from types import SimpleNamespace
from typing import Any

import pytest

from beaker_dynamodb.items.codec import SessionBytes
from tests.items.encoded import codec, item

VALUE = {"name": "Zoë"}
OBJECT = SimpleNamespace(dumps=lambda value: json.dumps(value).encode(), loads=json.loads)
OBJECT_STR = SimpleNamespace(dumps=json.dumps, loads=json.loads)
#: 24 characters of nonce, as base64 of 16 bytes, and the ciphertext.
ENCRYPTED = "AAECAwQFBgcICQoLDA0ODw==/v8="

#: Label, stored bytes in base64, the decoded value, and options that a reader needs.
READABLE: list[tuple[str, str, Any, dict[str, Any]]] = [
    (
        "b64",
        "gAJ9cQBYBAAAAG5hbWVxAVgEAAAAWm/Dq3ECcy4=",
        "gAJ9cQBYBAAAAG5hbWVxAVgEAAAAWm/Dq3ECcy4=",
        {},
    ),
    ("nonce+b64", "AAECAwQFBgcICQoLDA0OD/7/", ENCRYPTED, {}),
    ("text", "YW55IHRleHQ6IFpvw6s=", "any text: Zoë", {}),
    ("text", "7aCA", "\ud800", {}),
    ("pickle", "gAJ9cQBYBAAAAG5hbWVxAVgEAAAAWm/Dq3ECcy4=", VALUE, {}),
    ("pickle", "gAWVEgAAAAAAAAB9lIwEbmFtZZSMBFpvw6uUcy4=", VALUE, {}),
    ("json", "eyJuYW1lIjoiWm9cdTAwZWIifQ==", VALUE, {}),
    ("json", "eyJuYW1lIjogIlpvw6sifQ==", VALUE, {}),
    ("object", "eyJuYW1lIjogIlpvXHUwMGViIn0=", VALUE, {"serializer": OBJECT}),
    ("object-str", "eyJuYW1lIjogIlpvXHUwMGViIn0=", VALUE, {"serializer": OBJECT_STR}),
    (
        "b64,zlib",
        "eJxrYKotZIhgYWBgyEvMTS1kBDOj8g+vLmQq1gMAaJgHhw==",
        "gAJ9cQBYBAAAAG5hbWVxAVgEAAAAWm/Dq3ECcy4=",
        {},
    ),
    ("pickle,zlib", "eJxrYJ0qxAABtVN6WPISc1OBVFT+4dVTivUAaeEI/w==", VALUE, {}),
    ("json,zlib", "eJyrVspLzE1VslJQisqPKTUwSE1SqgUAQesGPQ==", VALUE, {}),
    ("json,zstd", "KLUv/SAUoQAAeyJuYW1lIjogIlpvXHUwMGViIn0=", VALUE, {}),
    # Without compression, as zlib's level 0 leaves bytes.
    ("json,zlib", "eAEBFADr/3sibmFtZSI6ICJab1x1MDBlYiJ9QesGPQ==", VALUE, {}),
]


def test_stored_bytes_are_read() -> None:
    for label, data, value, options in READABLE:
        assert value == codec(**options).decode(item(b64decode(data), label)), (label, data)


#: What Beaker's Session hands over, the bytes stored and their label.
SESSIONS: list[tuple[Any, bytes, str]] = [
    ("gAJ9cQAu", b"\x80\x02}q\x00.", "b64"),
    (SessionBytes(b"\x80\x02}q\x00."), b"\x80\x02}q\x00.", "b64"),
    ("", b"", "b64"),
    (ENCRYPTED, bytes(range(16)) + b"\xfe\xff", "nonce+b64"),
    # Base64 that does not encode back to the same string is stored unchanged.
    ("gAJ9cQA=\n", b"gAJ9cQA=\n", "text"),
    ("AB==", b"AB==", "text"),
    # A nonce of another length.
    ("AAECAwQFBgcICQoLDA0O/v8=/v8=", b"AAECAwQFBgcICQoLDA0O/v8=/v8=", "text"),
    ("Zoë", b"Zo\xc3\xab", "text"),
    ("\ud800", b"\xed\xa0\x80", "text"),
]


def test_bytes_of_a_session() -> None:
    for payload, data, label in SESSIONS:
        assert (data, label) == codec().encode_session(payload)


#: A cache value, options, the bytes stored and their label.
VALUES: list[tuple[Any, dict[str, Any], bytes, str]] = [
    (VALUE, {"serializer": "json"}, b'{"name":"Zo\\u00eb"}', "json"),
    ([1, 2.5, None, True], {"serializer": "json"}, b"[1,2.5,null,true]", "json"),
    (VALUE, {"serializer": OBJECT}, b'{"name": "Zo\\u00eb"}', "object"),
    (VALUE, {"serializer": OBJECT_STR}, b'{"name": "Zo\\u00eb"}', "object-str"),
]


def test_bytes_of_a_cache_value() -> None:
    for value, options, data, label in VALUES:
        assert (data, label) == codec(**options).encode_value(value)


def test_pickles_are_of_protocol_5() -> None:
    data, label = codec().encode_value(VALUE)
    assert (b"\x80\x05", "pickle") == (data[:2], label)


@pytest.mark.parametrize(
    ("size", "compression", "label"),
    [
        (1023, "auto", "json"),
        (1024, "auto", "json,zlib"),
        (1024, "zlib", "json,zlib"),
        (1024, "zstd", "json,zstd"),
        (1024, "off", "json"),
    ],
)
def test_label_of_what_is_compressed(size: int, compression: str, label: str) -> None:
    by = codec(serializer="json", compression=compression)
    assert label == by.encode_value("x" * (size - 2))[1]


@pytest.mark.parametrize(
    ("noise", "compression", "label"),
    [
        (8_500, "auto", "b64,zlib"),  # of 10,000 bytes
        (9_500, "auto", "b64"),
        (9_500, "zlib", "b64,zlib"),
        (10_000, "zlib", "b64"),
    ],
)
def test_label_of_what_is_hardly_smaller(noise: int, compression: str, label: str) -> None:
    payload = SessionBytes(random.Random(1).randbytes(noise) + bytes(10_000 - noise))
    assert label == codec(compression=compression).encode_session(payload)[1]


def test_data_that_beaker_has_compressed_is_not_changed() -> None:
    for head in (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda"):
        payload = SessionBytes(head + bytes(2000))
        assert (payload, "b64") == codec().encode_session(payload)


def test_ciphertext_is_not_changed() -> None:
    assert "nonce+b64" == codec().encode_session(ENCRYPTED[:24] + "AAAA" * 1000)[1]
