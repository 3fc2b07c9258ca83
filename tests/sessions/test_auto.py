"""`consistent_read = auto`: half the price, and nobody sees less than he has seen already."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest

from beaker_dynamodb.items.store import ItemStore
from beaker_dynamodb.wsgi.version_cookie import MAX_REPLICA_LAG_SECONDS
from tests.clock import Clock
from tests.sessions.site import Site, store, values

SECRET = {"secret": "a secret of the site"}


class Replica:
    """The copy of the table that eventually consistent reads see: behind, until it catches up.

    It stands between the package and the server: the one place where items are written and read.
    """

    def __init__(self) -> None:
        self._real = ItemStore.call
        self._behind: dict[str, Any] = {}
        #: How each session was read: consistently or not.
        self.reads: list[bool] = []

    def call(self, store: ItemStore, method: str, **params: Any) -> Any:
        """Pass a call on, but for a read of an item as it was before the last writes."""
        if method == "get_item":
            self.reads.append(params["ConsistentRead"])
            key = str(params["Key"])
            if not params["ConsistentRead"] and key in self._behind:
                return self._behind[key]
        elif method in ("put_item", "delete_item"):
            item = params.get("Key") or {"id": params["Item"]["id"]}
            before = self._real(store, "get_item", Key=item, ConsistentRead=True)
            self._behind.setdefault(str(item), before)
        return self._real(store, method, **params)

    def catch_up(self) -> None:
        """See everything that was written so far."""
        self._behind.clear()


@pytest.fixture
def replica() -> Iterator[Replica]:
    """A replica that is behind."""
    replica = Replica()

    def call(store: ItemStore, method: str, **params: Any) -> Any:
        return replica.call(store, method, **params)

    with mock.patch.object(ItemStore, "call", call):
        yield replica


@pytest.fixture
def site(moved: dict[str, object]) -> Site:
    """A site with our middleware."""
    return Site("ours", {"consistent_read": "auto", "timeout": 1000, **moved, **SECRET})


def test_a_browser_reads_what_it_wrote(site: Site, replica: Replica) -> None:
    """However far the replica is behind, each request sees what the one before has saved."""
    cookie = ""
    for number in range(5):
        answer = site(store(number=number), cookie)
        cookie = answer.cookie
        assert number == site(lambda session: session["number"], cookie).result


def test_it_costs_half(site: Site, replica: Replica, clock: Clock) -> None:
    """Once a replica has had the time to catch up, a request is one eventually consistent read."""
    cookie = site(store(name="Ada")).cookie
    replica.catch_up()
    replica.reads.clear()
    clock.now += MAX_REPLICA_LAG_SECONDS + 1
    assert "Ada" == site(lambda session: session["name"], cookie).result
    assert [False] == replica.reads


def test_a_replica_that_is_behind_costs_one_more_read(
    site: Site, replica: Replica, clock: Clock
) -> None:
    """An answer that is missing, or older than the browser knows of, is asked for again."""
    first = site(store(name="Ada")).cookie
    replica.reads.clear()
    clock.now += MAX_REPLICA_LAG_SECONDS + 1
    second = site(store(name="Grace"), first).cookie
    assert [False, True] == replica.reads
    assert first != second
    replica.reads.clear()
    clock.now += MAX_REPLICA_LAG_SECONDS + 1
    assert "Grace" == site(lambda session: session["name"], second).result
    assert [False, True] == replica.reads


def test_answers_that_overtake_each_other(site: Site, replica: Replica, clock: Clock) -> None:
    """Of two requests at once the older answer comes last; the next page shows both."""
    cookie = site(store(name="Ada")).cookie
    replica.catch_up()
    late = site(store(one=1), cookie).cookie
    replica.catch_up()
    both = site(store(two=2), cookie)
    assert {"name": "Ada", "one": 1, "two": 2} == site(values, both.cookie).result
    clock.now += 1
    assert {"name": "Ada", "one": 1, "two": 2} == site(values, late).result


def test_a_clock_that_is_behind_reads_consistently(
    site: Site, replica: Replica, clock: Clock
) -> None:
    """A change that is yet to come, by this server's clock, has been made a moment ago."""
    cookie = site(store(name="Ada")).cookie
    replica.reads.clear()
    clock.now -= 60
    assert "Ada" == site(lambda session: session["name"], cookie).result
    assert [True] == replica.reads


def test_a_cookie_without_a_version(
    site: Site, replica: Replica, moved: dict[str, Any], clock: Clock
) -> None:
    """A cookie from before the option is read consistently, and then gets a version."""
    before = Site("ours", {"timeout": 1000, **moved, **SECRET})
    cookie = before(store(name="Ada")).cookie
    replica.reads.clear()
    answer = site(lambda session: session["name"], cookie)
    assert "Ada" == answer.result
    assert [True] == replica.reads
    replica.catch_up()
    clock.now += MAX_REPLICA_LAG_SECONDS + 1
    assert "Ada" == site(lambda session: session["name"], answer.cookie).result
    assert [True, False] == replica.reads


def test_the_option_can_be_taken_back(site: Site, moved: dict[str, Any]) -> None:
    """A cookie with a version is understood without the option."""
    cookie = site(store(name="Ada")).cookie
    after = Site("ours", {"timeout": 1000, **moved, **SECRET})
    assert "Ada" == after(lambda session: session["name"], cookie).result


def test_nobody_times_out_by_an_old_answer(site: Site, replica: Replica, clock: Clock) -> None:
    """A session that was used a moment ago has not timed out, whatever a replica says."""
    cookie = site(store(name="Ada")).cookie
    replica.catch_up()
    clock.now += 990
    assert "Ada" == site(lambda session: session["name"], cookie).result
    clock.now += 20
    assert "Ada" == site(lambda session: session["name"], cookie).result


def test_a_log_out_is_final(site: Site, replica: Replica) -> None:
    """What a replica still shows of a deleted session cannot be saved."""
    cookie = site(store(name="Ada")).cookie
    replica.catch_up()
    site(lambda session: session.delete(), cookie)
    site(store(name="Eve"), cookie)
    replica.catch_up()
    assert {} == site(values, cookie).result


def test_two_browsers_of_one_session_merge(site: Site, replica: Replica) -> None:
    """A save on the grounds of an old answer is merged with what it has not seen."""
    cookie = site(store(one=1)).cookie
    replica.catch_up()
    site(store(two=2), cookie)
    last = site(store(three=3), cookie).cookie
    assert {"one": 1, "two": 2, "three": 3} == site(values, last).result


@pytest.mark.parametrize(
    "forged", ["0" * 32 + ".1.1", "0" * 32 + ".1", "0" * 32, "x.1.1", ".1", "1.", "a.b.c"]
)
def test_forged_cookies(moved: dict[str, object], forged: str) -> None:
    """A cookie that nobody has given out is a new session, with an id of our own."""
    site = Site("ours", {"consistent_read": "auto", **moved})
    answer = site(lambda session: session.id, f"beaker.session.id={forged}")
    assert answer.result != forged.split(".")[0]
    assert 32 == len(answer.result)
