"""The table goes, or loses its time to live, while the application runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from beaker.cache import CacheManager

from beaker_dynamodb import ConfigurationError, DynamoDBNamespaceManager
from tests.chaos.load import SITES
from tests.sessions.site import Action, Site, log_out, store, values
from tests.stubbed import Script

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

    from tests.clock import Clock

#: What an application may be about while the table goes.
ACTIONS = {"read": values, "write": store(a=1), "log out": log_out}


@pytest.mark.parametrize("action", ACTIONS.values(), ids=ACTIONS)
@pytest.mark.parametrize("middleware", SITES)
def test_a_table_that_goes_is_made_again(
    options: dict[str, object],
    client: DynamoDBClient,
    table_name: str,
    middleware: str,
    action: Action,
) -> None:
    """Its sessions are gone with it, and new ones are kept as before."""
    site = Site(middleware, {**options, **SITES[middleware]})
    cookie = site(store(name="Ada")).cookie
    client.delete_table(TableName=table_name)

    site(action, cookie)

    cookie = site(store(name="Grace")).cookie
    assert {"name": "Grace"} == site(values, cookie).result
    told = client.describe_time_to_live(TableName=table_name)["TimeToLiveDescription"]
    assert "ENABLED" == told["TimeToLiveStatus"]


@pytest.mark.parametrize("middleware", SITES)
def test_a_table_that_goes_in_the_middle_of_a_request(
    options: dict[str, object], client: DynamoDBClient, table_name: str, middleware: str
) -> None:
    """A session that was loaded from it is dropped, as one that was logged out."""
    site = Site(middleware, {**options, **SITES[middleware]})
    cookie = site(store(name="Ada")).cookie

    def meanwhile(session: object) -> None:
        values(session)
        client.delete_table(TableName=table_name)
        store(a=1)(session)

    site(meanwhile, cookie)
    assert [] == client.scan(TableName=table_name)["Items"]


@pytest.mark.parametrize("action", ACTIONS.values(), ids=ACTIONS)
@pytest.mark.parametrize("middleware", SITES)
def test_a_table_that_may_not_be_made_is_named(
    options: dict[str, object],
    client: DynamoDBClient,
    table_name: str,
    middleware: str,
    action: Action,
) -> None:
    """With `create_table` off its absence is an error of the configuration, until it is back."""
    cookie = Site(middleware, options)(store(name="Ada")).cookie
    site = Site(middleware, {**options, **SITES[middleware], "create_table": False})
    assert {"name": "Ada"} == site(values, cookie).result
    client.delete_table(TableName=table_name)

    with pytest.raises(ConfigurationError, match=table_name):
        site(action, cookie)

    Site(middleware, options)(values, cookie)  # makes it
    assert {"name": "Grace"} == site(values, site(store(name="Grace")).cookie).result


def test_a_cache_s_table_that_goes(
    options: dict[str, object], client: DynamoDBClient, table_name: str
) -> None:
    """The values are made again, in a table that is made again."""
    cache = CacheManager(type="ext:dynamodb", **options).get_cache("pages")
    assert "old" == cache.get("a", createfunc=lambda: "old")
    client.delete_table(TableName=table_name)
    assert "new" == cache.get("a", createfunc=lambda: "new")
    assert "new" == cache.get("a", createfunc=lambda: "newer")


def test_nothing_expired_is_served_without_time_to_live(
    options: dict[str, object], client: DynamoDBClient, table_name: str, clock: Clock
) -> None:
    """Whoever turns it off keeps expired items in the table; they are not there for readers."""
    clock.now = 4_000_000_000.0  # the year 2096, which no sweeper has reached
    session, cache = (
        DynamoDBNamespaceManager(name, **options, clock=clock) for name in ("id", "pages")
    )
    session.set_value("session", "text", expiretime=60)
    cache.set_value(b"k", 1, expiretime=60)
    client.update_time_to_live(
        TableName=table_name,
        TimeToLiveSpecification={"Enabled": False, "AttributeName": "expires"},
    )
    clock.advance(61)

    with pytest.raises(KeyError):
        session["session"]
    assert b"k" not in cache
    assert [] == cache.keys()
    assert 2 == client.scan(TableName=table_name)["Count"]

    cache.set_value(b"k", 2, expiretime=60)
    assert 2 == cache[b"k"]


def test_a_table_that_is_changed_just_now_serves() -> None:
    """One that was created waits until it can be used, which one in UPDATING can as well."""
    script = Script().refuse("get_item", "ResourceNotFoundException")
    script.answer("create_table", None, {})
    script.answer("describe_table", None, {"Table": {"TableStatus": "CREATING"}})
    script.answer("describe_table", None, {"Table": {"TableStatus": "UPDATING"}})
    script.answer("update_time_to_live", None, {}).answer("get_item", None, {})
    with script:
        assert b"k" not in script.manager()
