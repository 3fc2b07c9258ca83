"""Items expire to the millisecond, without waiting for DynamoDB to delete them."""

from __future__ import annotations

import pytest

from tests.clock import Clock
from tests.items.test_damage import each_kind
from tests.opening import Opener, payload


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
@pytest.mark.parametrize(("expiretime", "lifetime"), [(None, 300), (10, 10)])
def test_the_option_timeout_is_the_default_lifetime(
    open_namespace: Opener,
    clock: Clock,
    key: str | bytes,
    value: str,
    expiretime: float | None,
    lifetime: int,
) -> None:
    open_namespace(timeout=300).set_value(key, value, expiretime=expiretime)
    assert clock.now + lifetime == float(open_namespace.item()["deadline"]["N"])


def test_an_expiretime_of_0_expires_at_once(open_namespace: Opener) -> None:
    manager = open_namespace()
    manager.set_value(b"k", 1, expiretime=0)
    assert b"k" not in manager
    assert [] == manager.keys()


@pytest.mark.parametrize(("seconds", "active"), [(1.499, True), (1.5, False)])
def test_ending_a_session_returns_whether_it_was_active(
    open_namespace: Opener, clock: Clock, seconds: float, active: bool
) -> None:
    manager = open_namespace("id")
    manager.set_value("session", payload(a=1), expiretime=1.5)
    clock.advance(seconds)
    assert active is manager.backend.items.end(manager.session.key)


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
