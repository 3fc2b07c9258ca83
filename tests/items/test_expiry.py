"""Expiry is exact to the millisecond, whatever DynamoDB's sweeper does, and never early."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.opening import payload

if TYPE_CHECKING:
    from tests.clock import Clock
    from tests.opening import Opener

CENTURY = 100 * 365 * 86_400
each_kind = pytest.mark.parametrize(
    ("key", "value"), [(b"k", "cached"), ("session", payload(a=1))], ids=["cache", "session"]
)


@pytest.mark.both_servers
@each_kind
def test_an_item_expires_at_its_deadline_and_can_be_replaced(
    open_namespace: Opener, clock: Clock, key: str | bytes, value: str
) -> None:
    open_namespace().set_value(key, value, expiretime=1.5)
    clock.advance(1.499)
    assert value == open_namespace()[key]
    clock.advance(0.001)
    manager = open_namespace()
    assert key not in manager
    with pytest.raises(KeyError):
        manager[key]
    assert [] == manager.keys()
    assert 1 == len(open_namespace.items())
    manager[key] = value
    assert value == open_namespace()[key]
    assert 1 == len(open_namespace.items())


@each_kind
@pytest.mark.parametrize(
    ("expiretime", "expires", "deadline"),
    [
        (1, "4000000001", 4_000_000_001.0),
        (1.001, "4000000002", 4_000_000_001.001),
        (1.999, "4000000002", 4_000_000_001.999),
    ],
)
def test_time_to_live_is_rounded_up(
    open_namespace: Opener,
    key: str | bytes,
    value: str,
    expiretime: float,
    expires: str,
    deadline: float,
) -> None:
    open_namespace().set_value(key, value, expiretime=expiretime)
    item = open_namespace.item()
    assert ({"N": expires}, deadline) == (item["expires"], float(item["deadline"]["N"]))


@each_kind
@pytest.mark.parametrize(("expiretime", "lifetime"), [(None, 300), (10, 10)])
def test_the_option_timeout_is_the_lifetime_if_the_caller_gives_none(
    open_namespace: Opener,
    clock: Clock,
    key: str | bytes,
    value: str,
    expiretime: float | None,
    lifetime: int,
) -> None:
    open_namespace(timeout=300).set_value(key, value, expiretime=expiretime)
    assert clock.now + lifetime == float(open_namespace.item()["deadline"]["N"])


@each_kind
def test_a_timeout_of_0_never_expires(
    open_namespace: Opener, clock: Clock, key: str | bytes, value: str
) -> None:
    open_namespace(timeout=0)[key] = value
    assert not {"expires", "deadline"} & set(open_namespace.item())
    clock.advance(CENTURY)
    assert value == open_namespace()[key]


@pytest.mark.both_servers
def test_the_time_to_live_attribute_can_be_a_reserved_word(open_namespace: Opener) -> None:
    open_namespace(ttl_attribute="ttl").set_value(b"k", 1, expiretime=60)
    assert {"N": "4000000060"} == open_namespace.item()["ttl"]
    assert 1 == open_namespace(ttl_attribute="ttl")[b"k"]


def test_a_session_lives_a_day_by_default(open_namespace: Opener, clock: Clock) -> None:
    open_namespace("id")["session"] = payload(a=1)
    clock.advance(86_399.999)
    assert "session" in open_namespace("id")
    clock.advance(0.001)
    assert "session" not in open_namespace("id")


def test_a_cache_entry_never_expires_by_default(open_namespace: Opener, clock: Clock) -> None:
    open_namespace()[b"k"] = 1
    assert not {"expires", "deadline"} & set(open_namespace.item())
    clock.advance(CENTURY)
    assert 1 == open_namespace()[b"k"]


def test_an_expiretime_of_0_expires_at_once(open_namespace: Opener) -> None:
    manager = open_namespace()
    manager.set_value(b"k", 1, expiretime=0)
    assert b"k" not in manager
    assert [] == manager.keys()


@pytest.mark.both_servers
@pytest.mark.both_shapes
def test_keys_skips_expired_entries_and_remove_deletes_them(
    open_namespace: Opener, clock: Clock
) -> None:
    manager = open_namespace()
    manager.set_value(b"short", 1, expiretime=1)
    manager.set_value(b"long", 1, expiretime=2)
    manager[b"forever"] = 1
    clock.advance(1)
    assert [b"forever", b"long"] == sorted(manager.keys())
    manager.remove()
    assert [] == open_namespace.items()
