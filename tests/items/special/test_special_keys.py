"""Special keys in the table: what is copied, when, and what is refused before anything is."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from beaker.session import Session
from hypothesis import given
from hypothesis import strategies as st

from beaker_dynamodb import (
    ConfigurationError,
    DynamoDBSession,
    ItemTooLarge,
    MissingSpecialKeys,
    SpecialKeyError,
)
from beaker_dynamodb.config.parse import parse
from beaker_dynamodb.items import chunks
from beaker_dynamodb.items.item import item_size
from beaker_dynamodb.items.special_keys import SpecialKeys
from tests.clock import Clock
from tests.opening import Opener
from tests.servers.recorder import CallRecorder
from tests.sessions.driven import Visitor, save, stored_sessions

SPECIAL = ("userId", "user.name", "token", "admin")


def special(table: Opener) -> dict[str, Any]:
    (item,) = stored_sessions(table.client, table.table_name)
    return {name: value for name, value in item.items() if name in SPECIAL}


@pytest.fixture
def visitor(request: pytest.FixtureRequest, options: dict[str, Any]) -> Visitor:
    return Visitor(options, getattr(request, "param", DynamoDBSession))


both_session_classes = pytest.mark.parametrize(
    "visitor", [Session, DynamoDBSession], ids=["Beaker's", "ours"], indirect=True
)


@both_session_classes
def test_special_keys_are_copied_and_stay_in_the_session(visitor: Visitor, table: Opener) -> None:
    data = {"userId": 42, "user": {"name": "Ann"}, "token": b"\x00\xff", "admin": False, "other": 1}
    visitor.starts(**data)
    assert {
        "userId": {"N": "42"},
        "user.name": {"S": "Ann"},
        "token": {"B": b"\x00\xff"},
        "admin": {"BOOL": False},
    } == special(table)
    assert data == visitor.finds()


@both_session_classes
def test_a_key_that_is_removed_is_removed_from_the_item(visitor: Visitor, table: Opener) -> None:
    visitor.starts(userId=42, user={"name": "Ann"})
    session = visitor.request()
    del session["userId"]
    session.save()
    assert {"user.name": {"S": "Ann"}} == special(table)


@both_session_classes
def test_what_was_merged_is_what_is_copied(visitor: Visitor, table: Opener) -> None:
    visitor.starts(other=1)
    first, second = visitor.request(), visitor.request()
    save(first, userId=42)
    save(second, user={"name": "Ann"})
    assert {"userId": {"N": "42"}, "user.name": {"S": "Ann"}} == special(table)


def test_a_new_id_and_hashing_keep_them(visitor: Visitor, table: Opener) -> None:
    visitor.starts(userId=42)
    session = visitor.request()
    session.regenerate_id()
    session.save()
    assert {"userId": {"N": "42"}} == special(table)
    visitor.id, visitor.options["hash_ids"] = session.id, "migrate"
    assert {"userId": 42} == visitor.finds()
    assert {"userId": {"N": "42"}} == special(table)
    (stored,) = stored_sessions(visitor.client, table.table_name)
    assert "%#" in stored["id"]["S"]


@both_session_classes
def test_a_touch_asks_for_nothing_that_was_not_there(
    visitor: Visitor, table: Opener, clock: Clock
) -> None:
    visitor.starts(other=1)
    visitor.options["skip_throw_missing_special_keys"] = False
    clock.advance(1000)
    visitor.request().save()
    assert {} == special(table)
    with pytest.raises(MissingSpecialKeys):
        save(visitor.request(), other=2)
    assert {"other": 1} == visitor.finds()


def test_a_value_that_does_not_fit_is_refused(visitor: Visitor, table: Opener) -> None:
    visitor.starts(other=1)
    before = table.item()
    nan, infinite = float("nan"), float("-inf")
    not_fitting: dict[tuple[str, str], list[object]] = {
        ("userId", "N"): ["42", True, None, nan, infinite, 10**38 + 1, 10**126, 1e-131],
        ("user.name", "S"): [b"Ann", "", "\ud800", "ä" * 1025],
        ("token", "B"): ["text", b"", bytes(2049)],
        ("admin", "BOOL"): [1],
    }
    for (key, kind), values in not_fitting.items():
        for value in values:
            change = {"user": {"name": value}} if key == "user.name" else {key: value}
            declared = f"special key '{key}' is declared as {kind}: "
            with pytest.raises(SpecialKeyError, match=declared) as caught:
                save(visitor.request(), **change)
            assert (key, kind) == (caught.value.key, caught.value.type)
            assert not isinstance(caught.value, (TypeError, KeyError, MissingSpecialKeys))
    assert before == table.item()


def test_the_error_names_both_types(visitor: Visitor) -> None:
    with pytest.raises(SpecialKeyError, match="'userId' is declared as N: a str is not a number"):
        visitor.starts(userId="42")


@both_session_classes
def test_missing_keys_are_refused_unless_they_may_be_missing(
    visitor: Visitor, table: Opener
) -> None:
    visitor.options["skip_throw_missing_special_keys"] = "false"
    table.make_table()
    with pytest.raises(MissingSpecialKeys) as caught:
        visitor.starts(userId=42, user={"first": "Ann"})
    assert ("user.name", "token", "admin") == caught.value.names
    assert ("user.name", "S") == (caught.value.key, caught.value.type)
    assert [] == table.items()
    visitor.starts(userId=42, user={"name": "Ann"}, token=b"t", admin=True)
    assert set(SPECIAL) == set(special(table))


@both_session_classes
def test_a_log_out_needs_no_special_keys(visitor: Visitor, table: Opener) -> None:
    visitor.options["skip_throw_missing_special_keys"] = "false"
    visitor.starts(userId=42, user={"name": "Ann"}, token=b"t", admin=True)
    session = visitor.request()
    session.delete()
    session.save()
    assert [] == stored_sessions(table.client, table.table_name)


def test_an_encrypted_session_needs_dynamodb_session(
    options: dict[str, Any], table: Opener
) -> None:
    encrypted = {**options, "encrypt_key": "secret", "validate_key": "secret", "secret": "secret"}
    encrypted["crypto_type"] = "cryptography"
    table.make_table()
    with pytest.raises(ConfigurationError, match=r"beaker_dynamodb\.middleware"):
        Visitor(encrypted).starts(userId=42)
    assert [] == table.items()
    Visitor(encrypted, DynamoDBSession).starts(userId=42)
    assert {"userId": {"N": "42"}} == special(table)


def test_a_key_with_a_dot_in_its_own_name_goes_first(visitor: Visitor, table: Opener) -> None:
    visitor.starts(**{"user.name": "whole", "user": {"name": "nested"}})
    assert {"user.name": {"S": "whole"}} == special(table)


def test_an_attribute_of_the_wrong_type_is_not_kept(
    visitor: Visitor, table: Opener, clock: Clock
) -> None:
    visitor.starts(userId=42, admin=True)
    visitor.options["special_keys"] = "userId:N:index, admin:S"
    clock.advance(1000)
    visitor.request().save()
    assert {"userId": {"N": "42"}} == special(table)


def test_a_cache_has_no_special_keys(table: Opener) -> None:
    entries = table("pages", skip_throw_missing_special_keys=False)
    entries[b"k"] = {"userId": "not a number"}
    assert not table.item().keys() & set(SPECIAL)
    assert {"userId": "not a number"} == entries[b"k"]


def test_special_keys_count_in_an_items_size(options: dict[str, Any], table: Opener) -> None:
    options |= {"special_keys": "text:S", "compression": "off"}
    visitor = Visitor(options)
    table.make_table()
    with pytest.raises(ItemTooLarge):
        visitor.starts(text="x" * 410_000)
    assert [] == table.items()
    visitor.starts(text="x" * 250_000)
    types = sorted(item["type"]["S"] for item in table.items())
    assert ["beaker-chunk", "beaker-session"] == types
    assert {"text": "x" * 250_000} == visitor.finds()


def test_special_keys_fit_into_an_item_to_the_byte(
    options: dict[str, Any], table: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Not the true limit: moto counts differently.
    monkeypatch.setattr(chunks, "MAX_ITEM_BYTES", 10_000)
    options |= {"special_keys": "text:S", "compression": "off"}
    table.make_table()
    Visitor(options).starts(text="x" * 6000)
    (stored,) = stored_sessions(table.client, table.table_name)
    largest = "x" * (6000 + 10_000 - item_size(stored))
    Visitor(options).starts(text=largest)
    with pytest.raises(ItemTooLarge) as caught:
        Visitor(options).starts(text=f"{largest}x")
    assert (10_001, 10_000) == (caught.value.size, caught.value.limit)


# moto reports other units.
@pytest.mark.parametrize("engine", ["local"], scope="session")
def test_what_an_index_costs(visitor: Visitor, table: Opener, clock: Clock) -> None:
    visitor.options["special_keys"] = "userId:N:index, user.name:S:index"
    table.options["special_keys"] = visitor.options["special_keys"]
    table.make_table()
    spent = []
    visitor.starts(other=1)
    for change in (
        {"other": 2},
        {"userId": 42},
        {"other": 3},
        {"userId": 43},
        {"user": {"name": "Ann"}},
        {"other": 4},
    ):
        session = visitor.request()
        session.load()
        clock.advance(1)
        with CallRecorder(visitor.client, ask_capacity=True) as calls:
            save(session, **change)
        assert ["PutItem"] == calls.operations
        spent.append(calls.capacity_units)
    assert [1, 2, 2, 3, 3, 3] == spent


@given(st.decimals() | st.integers() | st.floats())
def test_a_number_is_stored_exactly_or_not_at_all(value: Any) -> None:
    keys = SpecialKeys(parse({"special_keys": "number:N"}))
    exact = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    try:
        text = keys.attribute("number", value)["N"]
    except SpecialKeyError:
        size = abs(exact) if exact.is_finite() else None
        digits = len("".join(map(str, exact.as_tuple().digits)).strip("0"))
        assert size is None or not Decimal("1E-130") <= size < Decimal("1E126") or digits > 38
    else:
        assert exact == Decimal(text)
        assert "E" not in text


def test_one_number_has_one_representation() -> None:
    keys = SpecialKeys(parse({"special_keys": "number:N"}))
    texts = {0: "0", -7: "-7", 42.0: "42", 0.1: "0.1", 100: "100"}
    texts |= {10**38 - 1: "9" * 38, 10**125: "1" + "0" * 125}
    assert texts == {value: keys.attribute("number", value)["N"] for value in texts}
    assert {"N": "0"} == keys.attribute("number", -0.0)
