"""Expiry: exact to the millisecond, whatever DynamoDB's sweeper does, and never swept early."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.contract.opening import payload

if TYPE_CHECKING:
    from tests.clock import Clock
    from tests.contract.opening import Opener

pytestmark = pytest.mark.both_servers


@pytest.mark.parametrize(
    ("key", "value"), [(b"k", "cached"), ("session", payload(a=1))], ids=["cache", "session"]
)
class TestBoundary:
    """At the very millisecond of its deadline an item is gone, and can be written anew."""

    def test_a_value_lives_until_its_deadline(
        self, open_namespace: Opener, clock: Clock, key: str | bytes, value: str
    ) -> None:
        """It is there one millisecond before, and not at the deadline."""
        open_namespace().set_value(key, value, expiretime=1.5)
        clock.advance(1.499)
        assert value == open_namespace()[key]
        clock.advance(0.001)
        manager = open_namespace()
        assert key not in manager
        with pytest.raises(KeyError):
            manager[key]
        assert [] == manager.keys()

    def test_an_expired_item_is_never_served_though_it_is_there(
        self, open_namespace: Opener, clock: Clock, key: str | bytes, value: str
    ) -> None:
        """Nobody has swept the item, and still it cannot be read."""
        open_namespace().set_value(key, value, expiretime=60)
        clock.advance(86_400)
        assert 1 == len(open_namespace.items())
        assert key not in open_namespace()
        with pytest.raises(KeyError):
            open_namespace()[key]

    def test_an_expired_item_can_be_replaced(
        self, open_namespace: Opener, clock: Clock, key: str | bytes, value: str
    ) -> None:
        """At the deadline itself, a new value takes the place of the old one."""
        open_namespace().set_value(key, value, expiretime=60)
        clock.advance(60)
        manager = open_namespace()
        with pytest.raises(KeyError):
            manager[key]
        manager[key] = value
        assert value == open_namespace()[key]
        assert 1 == len(open_namespace.items())

    @pytest.mark.parametrize(
        ("expiretime", "expires", "deadline"),
        [
            (1, "4000000001", 4_000_000_001.0),
            (1.001, "4000000002", 4_000_000_001.001),
            (1.999, "4000000002", 4_000_000_001.999),
        ],
    )
    def test_time_to_live_is_rounded_up(
        self,
        open_namespace: Opener,
        key: str | bytes,
        value: str,
        expiretime: float,
        expires: str,
        deadline: float,
    ) -> None:
        """DynamoDB's attribute is a whole second that is never before the exact deadline."""
        open_namespace().set_value(key, value, expiretime=expiretime)
        item = open_namespace.item()
        assert {"N": expires} == item["expires"]
        assert deadline == float(item["deadline"]["N"])

    def test_the_option_timeout_is_the_life_of_an_item(
        self, open_namespace: Opener, clock: Clock, key: str | bytes, value: str
    ) -> None:
        """`timeout` counts if no `expiretime` is given."""
        open_namespace(timeout=300)[key] = value
        assert clock.now + 300 == float(open_namespace.item()["deadline"]["N"])

    def test_expiretime_goes_before_timeout(
        self, open_namespace: Opener, clock: Clock, key: str | bytes, value: str
    ) -> None:
        """The life that the caller gives counts."""
        open_namespace(timeout=300).set_value(key, value, expiretime=10)
        assert clock.now + 10 == float(open_namespace.item()["deadline"]["N"])

    def test_a_timeout_of_0_is_forever(
        self, open_namespace: Opener, clock: Clock, key: str | bytes, value: str
    ) -> None:
        """An item without a deadline has no expiry at all, and is read a century later."""
        open_namespace(timeout=0)[key] = value
        assert not {"expires", "deadline"} & set(open_namespace.item())
        clock.advance(100 * 365 * 86_400)
        assert value == open_namespace()[key]

    def test_the_time_to_live_attribute_can_have_another_name(
        self, open_namespace: Opener, key: str | bytes, value: str
    ) -> None:
        """`ttl_attribute`, though it be a word that DynamoDB reserves, holds the expiry."""
        open_namespace(ttl_attribute="ttl").set_value(key, value, expiretime=60)
        assert {"N": "4000000060"} == open_namespace.item()["ttl"]
        assert value == open_namespace(ttl_attribute="ttl")[key]


def test_a_session_lives_a_day_by_default(open_namespace: Opener, clock: Clock) -> None:
    """A session whose life nobody has set is gone after 86,400 seconds."""
    open_namespace("id")["session"] = payload(a=1)
    clock.advance(86_399.999)
    assert "session" in open_namespace("id")
    clock.advance(0.001)
    assert "session" not in open_namespace("id")


def test_a_cache_entry_lives_for_ever_by_default(open_namespace: Opener, clock: Clock) -> None:
    """A cache entry whose life nobody has set has no expiry."""
    open_namespace()[b"k"] = 1
    assert not {"expires", "deadline"} & set(open_namespace.item())
    clock.advance(100 * 365 * 86_400)
    assert 1 == open_namespace()[b"k"]


def test_an_expiretime_of_0_is_expired_at_once(open_namespace: Opener) -> None:
    """Beaker's cache with `expire=0` keeps nothing."""
    manager = open_namespace()
    manager.set_value(b"k", 1, expiretime=0)
    assert b"k" not in manager
    assert [] == manager.keys()


def test_keys_leave_out_what_has_expired(open_namespace: Opener, clock: Clock) -> None:
    """`keys()` gives the living, `remove()` takes the dead along."""
    manager = open_namespace()
    manager.set_value(b"short", 1, expiretime=1)
    manager.set_value(b"long", 1, expiretime=2)
    manager[b"for ever"] = 1
    clock.advance(1)
    assert [b"for ever", b"long"] == sorted(manager.keys())
    manager.remove()
    assert [] == open_namespace.items()
