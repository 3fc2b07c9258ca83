"""A payload to bytes and back."""

from __future__ import annotations

from base64 import b64encode
from contextlib import suppress
from typing import Any

import pytest
from beaker.session import Session
from hypothesis import example, given
from hypothesis import strategies as st

from beaker_dynamodb.exceptions import PayloadError
from tests.items.encoded import codec as make
from tests.items.encoded import item

BASE64 = st.binary().map(lambda raw: b64encode(raw).decode())
NONCES = st.binary(min_size=16, max_size=16).map(lambda raw: b64encode(raw).decode())
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(payload=st.text(st.characters(exclude_categories=())) | st.text("aA+/=\n 9", max_size=12))
@example(payload="")
@example(payload="gAJ9\n")  # base64 that encodes back without the line's end
@example(payload="AB==")  # base64 with bits that encode back as "AA=="
@example(payload="A" * 23 + "=" + "B===")
@example(payload="\ud800")
def test_any_text_of_a_session_comes_back(payload: str) -> None:
    """Whatever a session's payload is, not one character of it changes."""
    codec = make(compression="off")
    data, name = codec.encode_session(payload)
    assert payload == codec.decode(item(data, name))


@given(payload=BASE64)
def test_base64_is_not_stored(payload: str) -> None:
    """Base64 is taken off, which saves a quarter, and put back on."""
    codec = make(compression="off")
    data, name = codec.encode_session(payload)
    assert "b64" == name
    assert len(payload) // 4 * 3 - 2 <= len(data) <= len(payload) // 4 * 3
    assert payload == codec.decode(item(data, name))


@given(nonce=NONCES, ciphertext=st.binary(min_size=1))
def test_an_encrypted_session_is_not_stored_as_base64(nonce: str, ciphertext: bytes) -> None:
    """Beaker's nonce and ciphertext are two texts of base64 in a row."""
    codec = make(compression="off")
    payload = nonce + b64encode(ciphertext).decode()
    data, name = codec.encode_session(payload)
    assert "nonce+b64" == name
    assert 16 + len(ciphertext) == len(data)
    assert payload == codec.decode(item(data, name))


def test_what_beaker_encrypts_is_recognised() -> None:
    """A session with `encrypt_key` is written by Beaker as this codec expects it."""
    session = Session({}, use_cookies=False, encrypt_key="key" * 9, validate_key="validate")
    session["user"] = "Zoë"
    payload = session._encrypt_data()
    data, name = make(compression="off").encode_session(payload)
    assert "nonce+b64" == name
    assert payload == make(compression="off").decode(item(data, name))
    assert "Zoë" == session._decrypt_data(make(compression="off").decode(item(data, name)))["user"]


@pytest.mark.parametrize("serializer", ["pickle", "json"])
@given(value=VALUES)
def test_any_value_comes_back(serializer: str, value: Any) -> None:
    """A cache value that the serializer can hold is not changed by it."""
    codec = make(serializer=serializer, compression="off")
    data, name = codec.encode_value(value)
    assert serializer == name
    assert value == codec.decode(item(data, name))


@given(data=st.binary(), name=st.sampled_from(["json", "text", "nonsense", "object", "b64"]))
@example(data=b"cos\nno_such_name\n.", name="pickle")
@example(data=b"", name="pickle")
@example(data=b"\xff", name="object-str")
def test_any_bytes_are_a_value_or_a_payload_error(data: bytes, name: str) -> None:
    """Damaged bytes raise PayloadError and nothing else."""
    with suppress(PayloadError):
        make(compression="off").decode(item(data, name))
        assert name in ("json", "text", "b64")
