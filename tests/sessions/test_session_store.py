"""`SessionStore` lists and reads sessions outside of a request."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from beaker_dynamodb import (
    ConfigurationError,
    DynamoDBSession,
    PayloadError,
    SessionStore,
    SpecialKeyError,
    StoreUnavailable,
)
from tests.clock import Clock
from tests.opening import Opener, payload
from tests.servers.recorder import CallRecorder
from tests.sessions.driven import Visitor
from tests.sessions.site import ENCRYPTED
from tests.sessions.stores import ids, write
from tests.sessions.stores import options as options
from tests.sessions.stores import store as store
from tests.sessions.stores import table as table
from tests.sessions.stores import visitor as visitor

IDS = ["1b3f", "", "|", "a:b", "%#" + "0" * 64, "größe", "\ud800", "x" * 800]


@pytest.mark.both_servers
@pytest.mark.both_shapes
def test_sessions_are_found_by_special_keys(
    store: SessionStore, table: Opener, clock: Clock
) -> None:
    table.options["timeout"] = 1920
    write(table, "mine", userId=42, user={"name": "Ann"}, token=b"t", admin=True)
    write(table, "his", userId=43)
    write(table, "nobody's", other=1)
    with CallRecorder(table("any").client) as calls:
        (found,) = store.sessions(userId=42)
        assert ["Query"] == calls.operations
    now = datetime.fromtimestamp(clock.now, timezone.utc)
    assert ("mine", False) == (found.id, found.hashed)
    assert (now, now) == (found.created, found.accessed)
    assert now + timedelta(seconds=1920) == found.expires
    assert {"userId": 42, "user.name": "Ann", "token": b"t", "admin": True} == found.special
    assert ["mine"] == ids(store.sessions({"user.name": "Ann"}))
    assert ["mine"] == ids(store.sessions({"user.name": "Ann"}, userId=42.0, admin=True))
    assert [] == ids(store.sessions({"user.name": "Bob"}, userId=42))
    assert ["his", "mine", "nobody's"] == ids(store.sessions())
    assert (1, 3) == (store.count(userId=42), store.count())
    assert "mine" not in repr(found)
    assert "Ann" not in repr(found)
    assert (None, False) == (store.get(None), store.delete(None))


@pytest.mark.parametrize("hash_ids", [False, True])
@pytest.mark.both_shapes
def test_every_id_is_found_read_and_deleted(
    options: dict[str, Any], table: Opener, hash_ids: bool
) -> None:
    table.options["hash_ids"] = hash_ids
    store = SessionStore(**{**options, "hash_ids": hash_ids})
    for id in IDS:
        write(table, id, userId=42)
    found = list(store.sessions(userId=42))
    if hash_ids:
        assert {(True, "%#", 66)} == {(one.hashed, one.id[:2], len(one.id)) for one in found}
        assert len(IDS) == len({one.id for one in found})
    else:
        assert [(id, False) for id in sorted(IDS)] == sorted((one.id, one.hashed) for one in found)
    assert found == [store.get(one.id, hashed=one.hashed) for one in found]
    for id in IDS:
        assert store.get(id) in found
        assert store.delete(id)
        assert not store.delete(id)
    assert [] == table.items()


@pytest.mark.both_servers
def test_expired_sessions_do_not_count(store: SessionStore, table: Opener, clock: Clock) -> None:
    table.options["timeout"] = 100
    write(table, "first", userId=42)
    clock.advance(50)
    write(table, "second", userId=42)
    clock.advance(50)
    assert ["second"] == ids(store.sessions(userId=42)) == ids(store.sessions())
    assert store.get("first") is None
    assert not store.delete("first")
    assert 1 == store.revoke(userId=42)


def test_a_session_may_never_expire_or_after_the_last_datetime(
    options: dict[str, Any], table: Opener
) -> None:
    table.options["timeout"] = 0
    write(table, "forever", userId=43)
    write(table, "far", userId=44)
    (far,) = (item for item in table.items() if item["userId"] == {"N": "44"})
    late = {**far, "deadline": {"N": "1e18"}}  # another program may write this
    table.client.put_item(TableName=table.table_name, Item=late)
    store = SessionStore(**options)
    assert [None] == [found.expires for found in store.sessions(userId=43)]
    assert [9999] == [found.expires.year for found in store.sessions(userId=44) if found.expires]


@pytest.mark.both_servers
def test_an_index_without_a_later_special_key_finds_sessions_by_it(table: Opener) -> None:
    table.options["special_keys"] = "userId:N:index"
    write(table, "before", userId=42, plan="gold")
    table.options["special_keys"] = "userId:N:index, plan:S"
    write(table, "gold", userId=42, plan="gold")
    write(table, "tin", userId=42, plan="tin")
    store = SessionStore(**table.options)
    assert ["before", "gold", "tin"] == ids(store.sessions(userId=42))
    with CallRecorder(table("any").client) as calls:
        assert ["gold"] == ids(store.sessions(userId=42, plan="gold"))
    assert ["Query", "GetItem", "GetItem", "GetItem"] == calls.operations
    table.options["special_keys"] = "userId:N:index, plan:S, logins:N"
    write(table, "often", userId=42, logins=42, plan="gold")
    store = SessionStore(**table.options)
    assert ["often"] == ids(store.sessions(userId=42, logins=Decimal("42.0")))
    assert 2 == store.revoke(userId=42, plan="gold")


@pytest.mark.both_servers
def test_all_pages_of_a_query_are_read(table: Opener) -> None:
    table.options["special_keys"] = "userId:N:index, user.name:S"
    name = "n" * 100_000  # a page has 1 MB
    for n in range(25):
        write(table, f"{n:02}", userId=42, user={"name": name})
    with CallRecorder(table("any").client) as calls:
        found = ids(SessionStore(**table.options).sessions(userId=42))
    assert [f"{n:02}" for n in range(25)] == found
    assert {"Query"} == set(calls.operations)
    assert len(calls) > 1


@pytest.mark.both_shapes
def test_items_that_are_not_sessions_of_the_prefix_are_ignored(
    options: dict[str, Any], table: Opener
) -> None:
    write(table, "id", userId=42)
    item = table.item()
    for key in ("sess:more:id", "other:id", "sess:", "sess:a|b"):
        table.put({**item, "id": {"S": key}})
    table.put({**item, "id": {"S": "sess:typed"}, "type": {"S": "beaker-cache"}})
    if table.sorted:
        table.put({**item, "part": {"S": "another"}})
        table.put({**item, "part": {"S": "|session"}})
    before = len(table.items())
    store = SessionStore(**options)
    assert ["id"] == ids(store.sessions(userId=42)) == ids(store.sessions())
    assert 1 == store.revoke(userId=42)
    assert before - 1 == len(table.items())
    more = SessionStore(**{**options, "prefix": "sess:more:"})
    assert ["id"] == ids(more.sessions(userId=42)) == ids(more.sessions())
    table("pages", prefix="")[b"k"] = 1
    table("unprefixed", prefix="")["session"] = payload(userId=42)
    bare = SessionStore(**{**options, "prefix": ""})
    assert "unprefixed" in ids(bare.sessions(userId=42))
    assert ids(bare.sessions(userId=42)) == ids(bare.sessions())


def test_damaged_sessions_are_not_listed_but_revoked(store: SessionStore, table: Opener) -> None:
    write(table, "id", userId=42)
    item = table.item()
    for n, damage in enumerate(({"created": {"S": "x"}}, {"deadline": {"S": "x"}})):
        table.put({**item, "id": {"S": f"sess:damaged{n}"}, **damage})
    without = {name: value for name, value in item.items() if name not in ("created", "data")}
    table.put({**without, "id": {"S": "sess:%ff"}})
    assert ["id"] == ids(store.sessions(userId=42)) == ids(store.sessions())
    store.revoke(userId=42)
    assert [] == table.items()


def test_a_listing_that_is_closed_early_leaves_no_thread(
    store: SessionStore, table: Opener
) -> None:
    write(table, "id", userId=42)
    found = store.sessions()
    assert "id" == next(found).id
    found.close()
    names = [thread.name for thread in threading.enumerate()]
    assert [] == [name for name in names if name.startswith("beaker-dynamodb-scan")]


# -- read -------------------------------------------------------------------------------------


def test_a_payload_is_read_on_demand(
    options: dict[str, Any], store: SessionStore, table: Opener
) -> None:
    Visitor({**options, "data_serializer": "json"}).starts(userId=42)
    (found,) = store.sessions(userId=42)
    with CallRecorder(table("any").client) as calls:
        assert {"userId", "_accessed_time", "_creation_time"} <= found.payload().keys()
    assert ["GetItem"] == calls.operations
    assert store.delete(found)
    for read in (found.payload, found.text):
        with pytest.raises(KeyError, match="session"):
            read()


def test_payloads_that_cannot_be_read_are_errors(
    options: dict[str, Any], store: SessionStore, table: Opener
) -> None:
    Visitor({**options, **ENCRYPTED}, DynamoDBSession).starts(userId=42)
    (found,) = store.sessions(userId=42)
    with pytest.raises(PayloadError, match="encrypted"):
        found.payload()
    signing = {**options, "signing_keys": "k" * 16}
    (unsigned,) = SessionStore(**signing).sessions(userId=42)
    with pytest.raises(PayloadError, match="cannot be checked for plain data"):
        unsigned.payload()
    (unsigned,) = SessionStore(**signing, accept_unsigned=False).sessions(userId=42)
    with pytest.raises(PayloadError, match="signature"):
        unsigned.text()
    table.put({**table.item(), "codec": {"S": "pickle"}})
    with pytest.raises(PayloadError, match="encoded as 'pickle'"):
        found.text()


# -- errors and settings ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("special_keys", "error", "match"),
    [
        ({"user": 42}, ConfigurationError, "'user' is not in the option special_keys"),
        ({"admin": True}, ConfigurationError, "'admin': no index"),
        ({"userId": "42"}, SpecialKeyError, "'userId' is declared as N"),
        ({"userId": None}, SpecialKeyError, "'userId' is declared as N"),
    ],
)
def test_special_keys_that_cannot_be_searched_are_errors(
    store: SessionStore, special_keys: dict[str, Any], error: type[Exception], match: str
) -> None:
    for call in (lambda: list(store.sessions(special_keys)), lambda: store.revoke(special_keys)):
        with pytest.raises(error, match=match):
            call()


# moto reports a missing table.
@pytest.mark.parametrize("engine", ["local"], scope="session")
def test_a_table_without_the_index_is_an_error(options: dict[str, Any], table: Opener) -> None:
    table.options["special_keys"] = "userId:N"
    write(table, "id", userId=42)
    with pytest.raises(ConfigurationError, match="'beaker-userId' of table"):
        list(SessionStore(**options).sessions(userId=42))


def test_an_outage_is_not_an_empty_list(options: dict[str, Any]) -> None:
    dead = {"endpoint_url": "http://127.0.0.1:1", "max_attempts": 1}
    store = SessionStore(**{**options, **dead})
    for call in (
        lambda: list(store.sessions(userId=42)),
        store.count,
        lambda: store.revoke(userId=42),
        lambda: store.get("id"),
        lambda: store.delete("id"),
    ):
        with pytest.raises(StoreUnavailable):
            call()


@pytest.mark.parametrize("prefix", ["beaker.session.", "admin."])
def test_a_store_can_be_made_from_the_application_settings(
    options: dict[str, Any], table: Opener, prefix: str
) -> None:
    write(table, "id", userId=42)
    options |= {"type": "ext:dynamodb", "key": "sid", "secret": "s", "timeout": "1800"}
    settings = {prefix + name: value for name, value in options.items()}
    settings |= {"cache.type": "memory", "debug": "true"}
    store = SessionStore.from_settings(settings, prefix.removeprefix("beaker."))
    assert ["id"] == ids(store.sessions(userId=42))


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"session.type": "file"}, r"session\.type is 'file', not ext:dynamodb"),
        ({"session.tabel": "x"}, "did you mean 'table'"),
    ],
)
def test_settings_of_another_store_and_unknown_names_are_errors(
    settings: dict[str, str], match: str
) -> None:
    with pytest.raises(ConfigurationError, match=match):
        SessionStore.from_settings(settings)
