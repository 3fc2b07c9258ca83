"""`consistent_read = auto`: half the price, and no browser sees data older than its own changes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest

from beaker_dynamodb.items.store import ItemStore
from beaker_dynamodb.session_item import MAX_REPLICA_LAG_SECONDS
from tests.clock import Clock
from tests.servers.endpoint import Endpoint
from tests.sessions.site import Site, store, values

SECRET = {"secret": "a secret of the site"}


class Replica:
    """A table whose eventually consistent reads lag until `catch_up`."""

    def __init__(self) -> None:
        self._real = ItemStore.call
        self._old: dict[str, Any] = {}
        #: Whether each read was consistent.
        self.reads: list[bool] = []

    def call(self, items: ItemStore, method: str, **params: Any) -> Any:
        if method == "get_item":
            self.reads.append(params["ConsistentRead"])
            key = str(params["Key"])
            if not params["ConsistentRead"] and key in self._old:
                return self._old[key]
        elif method in ("put_item", "delete_item"):
            item = params.get("Key") or {"id": params["Item"]["id"]}
            old = self._real(items, "get_item", Key=item, ConsistentRead=True)
            self._old.setdefault(str(item), old)
        return self._real(items, method, **params)

    def catch_up(self) -> None:
        self._old.clear()


@pytest.fixture
def replica() -> Iterator[Replica]:
    replica = Replica()

    def call(items: ItemStore, method: str, **params: Any) -> Any:
        return replica.call(items, method, **params)

    with mock.patch.object(ItemStore, "call", call):
        yield replica


@pytest.fixture
def site(moved: dict[str, object]) -> Site:
    return Site("ours", {"consistent_read": "auto", "timeout": 1000, **moved, **SECRET})


def name(session: Any) -> Any:
    return session["name"]


@pytest.mark.parametrize(("seconds", "consistent"), [(0, True), (5, True), (5.001, False)])
def test_a_session_is_read_consistently_for_five_seconds_after_a_change(
    site: Site, replica: Replica, clock: Clock, seconds: float, consistent: bool
) -> None:
    cookie = site(store(name="Ada")).cookie
    replica.catch_up()
    replica.reads.clear()
    clock.advance(seconds)
    assert "Ada" == site(name, cookie).result
    assert [consistent] == replica.reads


def test_a_replica_that_lags_longer_costs_one_more_read(
    site: Site, replica: Replica, clock: Clock
) -> None:
    first = site(store(name="Ada")).cookie
    replica.reads.clear()
    clock.advance(MAX_REPLICA_LAG_SECONDS + 1)
    second = site(store(name="Grace"), first).cookie  # the replica has no session
    assert [False, True] == replica.reads
    assert first != second
    replica.catch_up()
    third = site(store(name="Eve"), second).cookie
    replica.reads.clear()
    clock.advance(MAX_REPLICA_LAG_SECONDS + 1)
    assert "Eve" == site(name, third).result  # the replica has an older version
    assert [False, True] == replica.reads


def test_a_session_without_a_version_is_older_than_every_change(
    site: Site, replica: Replica, clock: Clock, endpoint: Endpoint, moved: dict[str, Any]
) -> None:
    cookie = site(store(name="Ada")).cookie
    replica.catch_up()
    (item,) = endpoint.client.scan(TableName=moved["table_name"])["Items"]
    del item["version"]
    endpoint.client.put_item(TableName=moved["table_name"], Item=item)
    replica.reads.clear()
    clock.advance(MAX_REPLICA_LAG_SECONDS + 1)
    assert "Ada" == site(name, cookie).result
    assert [False, True] == replica.reads


def test_a_response_that_arrives_late_does_not_hide_a_later_change(
    site: Site, replica: Replica, clock: Clock
) -> None:
    cookie = site(store(name="Ada")).cookie
    replica.catch_up()
    late = site(store(one=1), cookie).cookie
    replica.catch_up()
    both = site(store(two=2), cookie).cookie
    for cookie in (both, late):
        assert {"name": "Ada", "one": 1, "two": 2} == site(values, cookie).result
        clock.advance(1)


def test_a_request_that_only_reads_sets_no_cookie(site: Site, replica: Replica) -> None:
    """Its response may arrive after that of a log-in, and would restore the old id."""
    cookie = site(store(name="Ada")).cookie
    replica.catch_up()
    site(store(name="Eve"), cookie)
    answer = site(name, cookie)
    assert ("Eve", []) == (answer.result, answer.set_cookies)
    assert [] == site(lambda session: session.save(), cookie).set_cookies


def test_a_host_whose_clock_is_behind_reads_consistently(
    site: Site, replica: Replica, clock: Clock
) -> None:
    cookie = site(store(name="Ada")).cookie
    replica.reads.clear()
    clock.advance(-60)
    assert "Ada" == site(name, cookie).result
    assert [True] == replica.reads


def test_the_option_can_be_set_and_unset_while_cookies_are_in_use(
    site: Site, replica: Replica, moved: dict[str, Any], clock: Clock
) -> None:
    without = Site("ours", {"timeout": 1000, **moved, **SECRET})
    cookie = without(store(name="Ada")).cookie
    replica.reads.clear()
    answer = site(store(name="Eve"), cookie)
    replica.catch_up()
    clock.advance(MAX_REPLICA_LAG_SECONDS + 1)
    assert "Eve" == site(name, answer.cookie).result
    assert [True, False] == replica.reads
    assert "Eve" == without(name, answer.cookie).result


def test_an_old_read_does_not_time_a_session_out(
    site: Site, replica: Replica, clock: Clock
) -> None:
    cookie = site(store(name="Ada")).cookie
    replica.catch_up()
    clock.advance(990)
    assert "Ada" == site(name, cookie).result
    clock.advance(20)
    assert "Ada" == site(name, cookie).result


@pytest.mark.parametrize(
    ("other", "found"),
    [(lambda session: session.delete(), {}), (store(two=2), {"one": 1, "two": 2, "three": 3})],
    ids=["deleted", "changed"],
)
def test_a_save_based_on_an_old_read_is_merged_or_dropped(
    site: Site, replica: Replica, clock: Clock, other: Any, found: dict[str, int]
) -> None:
    cookie = site(store(one=1)).cookie
    replica.catch_up()
    clock.advance(MAX_REPLICA_LAG_SECONDS + 1)
    site(other, cookie)
    replica.reads.clear()
    site(store(three=3), cookie)
    assert False is replica.reads[0]
    replica.catch_up()
    assert found == site(values, cookie).result
