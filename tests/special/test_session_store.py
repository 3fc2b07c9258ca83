"""SessionStore: the sessions of a table listed, read and ended, from outside of any request."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest

from beaker_dynamodb import (
    ConfigurationError,
    DynamoDBSession,
    PayloadError,
    SessionStore,
    SpecialKeyError,
    StoredSession,
    StoreUnavailable,
)
from tests.contract.opening import payload
from tests.servers.recorder import CallRecorder
from tests.sessions.driven import Visitor, save

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.clock import Clock
    from tests.contract.opening import Opener

pytestmark = [pytest.mark.both_servers, pytest.mark.both_shapes]

IDS = ["1b3f", "", "|", "a:b", "%#" + "0" * 64, "größe", "\ud800", "x" * 800]


@pytest.fixture
def store(options: dict[str, Any]) -> SessionStore:
    """The store of the test's sessions."""
    return SessionStore(**options)


@pytest.fixture
def visitor(options: dict[str, Any]) -> Visitor:
    """A visitor with our session."""
    return Visitor(options, DynamoDBSession)


def write(table: Opener, id: str, **data: Any) -> None:
    """Save a session as Beaker does, with the id that a test wants."""
    table(id)["session"] = payload(**data)


def ids(found: Any) -> list[str]:
    """Give the ids of sessions, in order."""
    return sorted(session.id for session in found)


def test_the_sessions_of_a_user_are_found(store: SessionStore, table: Opener, clock: Clock) -> None:
    """All of his and nobody else's: with their times, and their special keys as Python values."""
    table.options["timeout"] = 1920
    write(table, "mine", userId=42, user={"name": "Ann"}, token=b"t", admin=True)
    write(table, "his", userId=43)
    write(table, "nobody's", other=1)
    (found,) = store.sessions(userId=42)
    now = datetime.fromtimestamp(clock.now, timezone.utc)
    assert ("mine", False) == (found.id, found.hashed)
    assert (now, now, now + timedelta(seconds=1920)) == (
        found.created,
        found.accessed,
        found.expires,
    )
    assert {"userId": 42, "user.name": "Ann", "token": b"t", "admin": True} == found.special
    assert ["mine"] == ids(store.sessions({"user.name": "Ann"}))
    assert ["mine"] == ids(store.sessions({"user.name": "Ann"}, userId=42.0, admin=True))
    assert [] == ids(store.sessions({"user.name": "Bob"}, userId=42))
    assert ["his", "mine", "nobody's"] == ids(store.sessions())
    assert (1, 3) == (store.count(userId=42), store.count())


@pytest.mark.parametrize("hash_ids", [False, True])
def test_every_id_comes_back(options: dict[str, Any], table: Opener, hash_ids: bool) -> None:
    """However odd an id is, it is listed as it was; with `hash_ids` as its digest."""
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
    assert [] == table.items()


def test_none_is_no_session(store: SessionStore, table: Opener) -> None:
    """What a session without an id has for one finds, deletes and keeps nothing."""
    write(table, "mine", userId=42)
    write(table, "other", userId=42)
    assert (None, False) == (store.get(None), store.delete(None))
    assert ["mine", "other"] == ids(store.sessions())
    assert 1 == store.revoke(userId=42, keep=[None, "mine"])
    assert 1 == store.revoke(userId=42, keep=None)


def test_expired_ones_are_left_out(store: SessionStore, table: Opener, clock: Clock) -> None:
    """From its deadline on a session is not listed, not got, and not counted as revoked."""
    table.options["timeout"] = 100
    write(table, "first", userId=42)
    clock.advance(50)
    write(table, "second", userId=42)
    clock.advance(50)
    assert ["second"] == ids(store.sessions(userId=42)) == ids(store.sessions())
    assert store.get("first") is None
    assert not store.delete("first")
    assert 1 == store.revoke(userId=42)


def test_a_session_without_expiry_has_none(options: dict[str, Any], table: Opener) -> None:
    """A session that is for ever says so, and one far ahead ends at the last time there is."""
    write(table, "always", userId=42)
    table.options["timeout"] = 0
    write(table, "for ever", userId=43)
    write(table, "far", userId=44)
    (far,) = (item for item in table.items() if item["userId"] == {"N": "44"})
    # More than any option gives; another program may have written it.
    late = {**far, "deadline": {"N": "1e18"}}
    table.client.put_item(TableName=table.table_name, Item=late)
    store = SessionStore(**options)
    assert [None] == [found.expires for found in store.sessions(userId=43)]
    assert [9999] == [found.expires.year for found in store.sessions(userId=44) if found.expires]


def test_a_list_never_ends_at_a_page(store: SessionStore, table: Opener) -> None:
    """Sessions that fill more than one page of a Query, at 1 MB each, are all found."""
    table.options["index_keys"] = "userId"
    name = "n" * 100_000
    for n in range(25):
        write(table, f"{n:02}", userId=42, user={"name": name})
    found = SessionStore(**table.options)
    with CallRecorder(table("any").client) as calls:
        assert [f"{n:02}" for n in range(25)] == ids(found.sessions(userId=42))
    assert {"Query"} == set(calls.operations)
    assert len(calls) > 1


def test_only_the_index_is_read(store: SessionStore, table: Opener) -> None:
    """A list of a user's sessions is one Query, a session one GetItem, a payload one more."""
    write(table, "id", userId=42)
    with CallRecorder(table("any").client) as calls:
        (found,) = store.sessions(userId=42)
        assert ["Query"] == calls.operations
        assert found == store.get("id")
        assert 42 == found.payload()["userId"]
    assert ["Query", "GetItem", "GetItem"] == calls.operations


def test_what_is_not_ours_is_not_found(options: dict[str, Any], table: Opener) -> None:
    """Neither other prefixes nor cache entries nor foreign items, though they have the key."""
    write(table, "id", userId=42)
    item = table.item()
    keys = ["sess:more:id", "other:id", "sess:", "sess:a|b"]
    for key in keys:
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


def test_an_empty_prefix_is_one(options: dict[str, Any], table: Opener) -> None:
    """Without a prefix the ids alone are the keys, and are found."""
    table.options["prefix"] = ""
    write(table, "id", userId=42)
    table("pages")[b"k"] = 1
    store = SessionStore(**{**options, "prefix": ""})
    assert ["id"] == ids(store.sessions(userId=42)) == ids(store.sessions())


def test_a_damaged_session_stops_nothing(store: SessionStore, table: Opener) -> None:
    """One that cannot be read is not listed, and is revoked all the same."""
    write(table, "id", userId=42)
    item = table.item()
    for n, damage in enumerate(({"created": {"S": "x"}}, {"deadline": {"S": "x"}})):
        table.put({**item, "id": {"S": f"sess:damaged{n}"}, **damage})
    without = {name: value for name, value in item.items() if name not in ("created", "data")}
    table.put({**without, "id": {"S": "sess:%ff"}})
    assert ["id"] == ids(store.sessions(userId=42)) == ids(store.sessions())
    store.revoke(userId=42)
    assert [] == table.items()


def test_revoke_logs_out_everywhere_else(options: dict[str, Any], store: SessionStore) -> None:
    """The user's other sessions end, his present one and those of others stay."""
    others = [Visitor(options).starts(userId=42) for _ in range(3)]
    his = Visitor(options).starts(userId=43)
    current = Visitor(options).starts(userId=42)
    assert 3 == store.revoke(userId=42, keep=current.id)
    assert [current.id] == ids(store.sessions(userId=42))
    assert [his.id] == ids(store.sessions(userId=43))
    assert [None] * 3 == [store.get(other.id) for other in others]
    assert 0 == store.revoke(userId=42, keep=[current.id])
    (found,) = store.sessions(userId=42)
    assert 0 == store.revoke(userId=42, keep=found)
    assert 1 == store.revoke(userId=42)


@pytest.mark.parametrize("hash_ids", [True, "migrate"])
def test_what_is_kept_may_be_hashed(options: dict[str, Any], hash_ids: Any) -> None:
    """`keep` takes the id that the session has, whatever stands in the table."""
    old = Visitor(options, DynamoDBSession).starts(userId=42)
    visitor = Visitor({**options, "hash_ids": hash_ids}, DynamoDBSession)
    new = visitor.starts(userId=42)
    store = SessionStore(**{**options, "hash_ids": hash_ids})
    keep = [old.id, new.id] if hash_ids == "migrate" else new.id
    assert (0 if hash_ids == "migrate" else 1) == store.revoke(userId=42, keep=keep)
    assert visitor.finds() == {"userId": 42}
    assert store.delete(new.id)
    assert visitor.finds() == {}


def test_a_save_in_flight_resurrects_nothing(visitor: Visitor, store: SessionStore) -> None:
    """Requests that have loaded a session before it is revoked, or deleted, cannot save it."""
    ends: list[Callable[[], int]] = [
        lambda: store.revoke(userId=42),
        lambda: store.delete(visitor.id or ""),
    ]
    for end in ends:
        visitor.starts(userId=42)
        changing, moving, touching = visitor.request(), visitor.request(), visitor.request()
        assert end() == 1
        save(changing, basket=1)
        moving.regenerate_id()
        save(moving, basket=2)
        touching.save()
        assert [] == ids(store.sessions(userId=42))
        visitor.id = None


def test_a_session_that_is_somebody_elses_by_now_stays(
    options: dict[str, Any], visitor: Visitor, table: Opener
) -> None:
    """The index may be behind: what has changed its user meanwhile is not revoked."""
    visitor.starts(userId=42)
    store = SessionStore(**options)

    def another_user(params: Any, **_: object) -> None:
        handled.append(params)
        if len(handled) == 1:
            save(visitor.request(), userId=43)

    handled: list[Any] = []
    events = table("any").client.meta.events
    events.register("before-parameter-build.dynamodb.DeleteItem", another_user)
    try:
        assert 0 == store.revoke(userId=42)
    finally:
        events.unregister("before-parameter-build.dynamodb.DeleteItem", another_user)
    assert 1 == len(handled)
    assert [visitor.id] == ids(store.sessions(userId=43))


def test_a_payload_is_read_on_request(options: dict[str, Any], table: Opener) -> None:
    """As a dict, for both of Beaker's serializers; gone, encrypted and foreign ones are errors."""
    store = SessionStore(**options)
    for serializer in ("pickle", "json"):
        session = Visitor({**options, "data_serializer": serializer}).starts(userId=42)
        (found,) = store.sessions(userId=42)
        assert {"userId", "_accessed_time", "_creation_time"} <= found.payload().keys()
        assert store.delete(found)
        for read in (found.payload, found.text):
            with pytest.raises(KeyError, match="session"):
                read()
        assert session.id == found.id
    encrypted = {"encrypt_key": "s", "validate_key": "s", "crypto_type": "cryptography"}
    Visitor({**options, **encrypted}, DynamoDBSession).starts(userId=42)
    (found,) = store.sessions(userId=42)
    with pytest.raises(PayloadError, match="encrypted"):
        found.payload()
    table.put({**table.item(), "codec": {"S": "pickle"}})
    with pytest.raises(PayloadError, match="encoded as 'pickle'"):
        found.text()


def test_a_forged_payload_is_not_read(options: dict[str, Any], table: Opener) -> None:
    """With `signing_keys`, what is not signed is an error here too, and still listed."""
    write(table, "id", userId=42)
    (found,) = SessionStore(**{**options, "signing_keys": "k" * 16}).sessions(userId=42)
    with pytest.raises(PayloadError, match="signature"):
        found.payload()


def test_neither_id_nor_special_keys_are_shown(store: SessionStore, table: Opener) -> None:
    """A log of a found session has nothing by which it can be taken over."""
    write(table, "secret-id", userId=42, user={"name": "secret-name"})
    (found,) = store.sessions(userId=42)
    assert isinstance(found, StoredSession)
    assert "secret" not in repr(found)


@pytest.mark.parametrize(
    ("wanted", "error", "match"),
    [
        ({"user": 42}, ConfigurationError, "'user' is not in the option special_keys"),
        ({"admin": True}, ConfigurationError, "'admin': none of them is in the option index_keys"),
        ({"userId": "42"}, SpecialKeyError, "'userId' is declared as N"),
        ({"userId": None}, SpecialKeyError, "'userId' is declared as N"),
    ],
)
def test_what_cannot_be_found_is_explained(
    store: SessionStore, wanted: dict[str, Any], error: type[Exception], match: str
) -> None:
    """A name without a declaration or an index, and a value of another type."""
    for ask in (lambda: list(store.sessions(wanted)), lambda: store.revoke(wanted)):
        with pytest.raises(error, match=match):
            ask()


def test_nothing_is_revoked_without_a_special_key(store: SessionStore, table: Opener) -> None:
    """`revoke()` by nothing is an error, and not everybody's log-out."""
    write(table, "id", userId=42)
    with pytest.raises(ValueError, match="would delete everything"):
        store.revoke(keep="another")
    assert ["id"] == ids(store.sessions())


# moto says that the table is not there.
@pytest.mark.parametrize("engine", ["local"], scope="session")
def test_a_table_without_the_index_is_explained(options: dict[str, Any], table: Opener) -> None:
    """The option is set, the table is older: the error names the index."""
    table.options["index_keys"] = ""
    write(table, "id", userId=42)
    with pytest.raises(ConfigurationError, match="'beaker-userId' of table"):
        list(SessionStore(**options).sessions(userId=42))


def test_a_fault_is_no_empty_list(options: dict[str, Any]) -> None:
    """Where DynamoDB does not answer, nothing is said to be there or not, or to be revoked."""
    dead = {"endpoint_url": "http://127.0.0.1:1", "max_attempts": 1}
    store = SessionStore(**{**options, **dead})
    asked: list[Callable[[], Any]] = [
        lambda: list(store.sessions(userId=42)),
        lambda: store.count(),
        lambda: store.revoke(userId=42),
        lambda: store.get("id"),
        lambda: store.delete("id"),
    ]
    for ask in asked:
        with pytest.raises(StoreUnavailable):
            ask()


def test_a_list_can_be_left(options: dict[str, Any], table: Opener) -> None:
    """Who takes the first session of all and goes leaves no call and no thread behind."""
    write(table, "id", userId=42)
    found = SessionStore(**options).sessions()
    assert "id" == next(found).id
    found.close()
    assert [] == [t for t in threading.enumerate() if t.name.startswith("beaker-dynamodb-scan")]


def test_a_store_is_made_of_settings(options: dict[str, Any], table: Opener) -> None:
    """The application's own settings make one, with or without `beaker.`, and another prefix."""
    write(table, "id", userId=42)
    own = {"type": "ext:dynamodb", "key": "sid", "secret": "s", "timeout": "1800", "auto": "true"}
    for prefix in ("session.", "beaker.session."):
        settings = {prefix + name: value for name, value in {**own, **options}.items()}
        settings |= {"cache.type": "memory", "debug": "true"}
        assert ["id"] == ids(SessionStore.from_settings(settings).sessions(userId=42))
    settings = {"admin." + name: value for name, value in options.items()}
    assert ["id"] == ids(SessionStore.from_settings(settings, prefix="admin.").sessions(userId=42))


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"session.type": "file"}, r"session\.type is 'file', not ext:dynamodb"),
        ({"session.tabel": "x"}, "did you mean 'table'"),
    ],
)
def test_settings_of_something_else_are_refused(settings: dict[str, str], match: str) -> None:
    """Sessions in another store, and names that mean nothing."""
    with pytest.raises(ConfigurationError, match=match):
        SessionStore.from_settings(settings)
