"""Pickles of plain data are read; any other is refused, and nothing that it names is run."""

from __future__ import annotations

import copyreg
import os
import pickle
import pickletools
import re
import struct
from collections import Counter, OrderedDict, deque
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beaker_dynamodb import PayloadError
from beaker_dynamodb.items import plain_pickle
from tests.items.test_poison import Poison

#: Beaker writes 2; earlier protocols lack types.
PROTOCOLS = [2, 3, 4, 5]

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.complex_numbers(allow_nan=False)
    | st.text()
    | st.binary()
    | st.decimals(allow_nan=False)
    | st.dates()
    | st.times()
    | st.datetimes(timezones=st.none() | st.just(timezone.utc))
    | st.timedeltas()
    | st.uuids()
)
plain = st.recursive(
    scalars | st.frozensets(scalars),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner, inner)
        | st.dictionaries(scalars, inner, max_size=4)
        | st.dictionaries(scalars, inner, max_size=4).map(OrderedDict)
        | st.sets(scalars, max_size=4)
        | st.lists(inner, max_size=4).map(lambda values: deque(values, 9))
    ),
    max_leaves=10,
)


@given(plain, st.sampled_from(PROTOCOLS))
def test_plain_data_is_read_as_pickle_reads_it(value: Any, protocol: int) -> None:
    data = pickle.dumps(value, protocol)
    found = plain_pickle.loads(data)
    assert value == found
    assert repr(pickle.loads(data)) == repr(found)  # also the types inside


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_values_that_a_pickle_makes_by_calls(protocol: int) -> None:
    values: list[Any] = [bytearray(), bytearray(b"a\xff"), b"", set(), frozenset({1})]
    for value in values:
        found = plain_pickle.loads(pickle.dumps(value, protocol))
        assert (type(value), value) == (type(found), found)


def test_shared_and_recursive_values_stay_so() -> None:
    value: list[Any] = [UUID(int=1)]
    value += [value[0], value]
    found = plain_pickle.loads(pickle.dumps(value, 2))
    assert found[0] is found[1]
    assert found[2] is found


class Cart:
    """A class of an application."""


@pytest.mark.owasp("1.5.2")
@pytest.mark.parametrize("protocol", range(6))
def test_other_classes_and_functions_are_refused(protocol: int) -> None:
    for value in (Cart(), Cart, Counter("tea"), os.system, eval, getattr, range(3), ValueError()):
        with pytest.raises(PayloadError, match="an unsigned session contains "):
            plain_pickle.loads(pickle.dumps({"value": value}, protocol))


@pytest.mark.owasp("1.5.2")
@pytest.mark.parametrize("protocol", range(6))
def test_poison_is_not_run(tmp_path: Path, protocol: int) -> None:
    data = pickle.dumps({"name": Poison(tmp_path / "ran")}, protocol)
    with pytest.raises(PayloadError):
        plain_pickle.loads(data)
    assert not (tmp_path / "ran").exists()
    pickle.loads(data)
    assert (tmp_path / "ran").exists()


def test_the_message_names_a_class_but_not_other_text() -> None:
    named = re.escape(f"contains {Cart.__module__}.Cart, but may contain only plain data (option a")
    with pytest.raises(PayloadError, match=named):
        plain_pickle.loads(pickle.dumps(Cart(), 2))
    with pytest.raises(PayloadError, match="contains an object with an unusual name, but"):
        plain_pickle.loads(b"\x80\x02ca \x1b[2Jb\nc\n.")
    with pytest.raises(PayloadError, match="is not a pickle of plain data: EOFError"):
        plain_pickle.loads(b"")


def test_objects_that_the_application_has_registered_are_refused() -> None:
    copyreg.add_extension(Cart.__module__, "Cart", 200)
    try:
        data = pickle.dumps(Cart, 2)
        assert any(opcode.name == "EXT1" for opcode, _, _ in pickletools.genops(data))
        pickle.loads(data)  # from now on, pickle takes it from a cache
        with pytest.raises(PayloadError):
            plain_pickle.loads(data)
    finally:
        copyreg.remove_extension(Cart.__module__, "Cart", 200)
        copyreg.clear_extension_cache()


def test_a_number_is_not_a_length() -> None:
    for data in (
        b"\x80\x02c__builtin__\nbytes\nM\xff\xff\x85R.",
        b"\x80\x02c__builtin__\nbytearray\nM\xff\xff\x85R.",
        b"\x80\x05\x96" + struct.pack("<Q", 2**40) + b"x.",  # BYTEARRAY8
    ):
        with pytest.raises(PayloadError):
            plain_pickle.loads(data)


@pytest.mark.parametrize(
    "named", ["datetime datetime", "decimal Decimal", "uuid UUID", "_codecs encode"]
)
def test_a_pickle_cannot_change_what_it_names(named: str) -> None:
    """It sets the attribute ``hacked`` of the objects that it finds, in a dict and as a slot."""
    found = "c" + named.replace(" ", "\n") + "\n"
    for state in ("}X\x06\0\0\0hackedK\x01s", "N}X\x06\0\0\0hackedK\x01s\x86"):
        with suppress(PayloadError):
            plain_pickle.loads(f"\x80\x02{found}{state}b.".encode("latin-1"))
        again = plain_pickle.loads(f"\x80\x02{found}.".encode("latin-1"))
        assert not hasattr(again, "hacked")
    for kind in (datetime, UUID):
        assert not hasattr(kind, "hacked")


@given(st.binary())
def test_other_bytes_are_refused_with_one_exception(data: bytes) -> None:
    for sent in (data, b"\x80\x02" + data):
        with suppress(PayloadError):
            plain_pickle.loads(sent)
