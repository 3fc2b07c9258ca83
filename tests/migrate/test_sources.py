"""What each source reads, and what it says where it cannot."""

from __future__ import annotations

import importlib
import pickle
import sys
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import uuid4

import mongomock
import pytest
import redis
import sqlalchemy
from beaker.cache import Cache
from beaker.ext.mongodb import MongoNamespaceManager

from beaker_dynamodb.exceptions import ConfigurationError, StoreUnavailable
from beaker_dynamodb.migrate.from_dynamodb import DynamoDBSource
from beaker_dynamodb.migrate.from_files import DbmSource
from beaker_dynamodb.migrate.from_mongodb import MongoSource
from beaker_dynamodb.migrate.from_redis import RedisSource
from beaker_dynamodb.migrate.source import (
    Damaged,
    Entry,
    Mark,
    NotASession,
    SourceSession,
    digest_of,
)
from beaker_dynamodb.migrate.stores import (
    source_from_settings,
    source_from_url,
    target_from_settings,
    target_from_url,
)
from tests.clock import Clock
from tests.migrate.moving import saved, target
from tests.sessions.site import ENCRYPTED


def kinds_of_dbm() -> list[ModuleType]:
    """Give those that this Python has; ``dbm.dumb`` is one of them."""
    kinds = []
    for name in ("dbm.gnu", "dbm.ndbm", "dbm.sqlite3", "dbm.dumb"):
        with suppress(ImportError):
            kinds.append(importlib.import_module(name))
    return kinds


KINDS_OF_DBM = kinds_of_dbm()


def found(source: Any) -> dict[str | None, SourceSession]:
    """Give the sessions in a source, by their ids; there is nothing else in it."""
    entries: list[Entry] = list(source.entries({}))
    sessions = [entry for entry in entries if isinstance(entry, SourceSession)]
    assert entries == sessions
    return {entry.session_id: entry for entry in sessions}


class TestFiles:
    """The backends `file` and `dbm`."""

    @pytest.mark.parametrize("name", ["file_dir", "data_dir"])
    def test_both_folders_of_the_settings(self, name: str, tmp_path: Path) -> None:
        """A source finds what Beaker keeps in either folder, and when it was written."""
        old = {"type": "file", name: str(tmp_path), "lock_dir": str(tmp_path / "locks")}
        session_id = saved(old, user=1)
        (file,) = tmp_path.rglob("*.cache")
        (entry,) = found(source_from_settings(old)).values()
        assert (session_id, int(file.stat().st_mtime * 1000)) == (
            entry.session_id,
            entry.accessed_ms,
        )

    def test_every_kind_of_dbm(self, tmp_path: Path) -> None:
        """A session is found once, in one file or in three, and a cache is no session."""
        old = {"type": "dbm", "data_dir": str(tmp_path)}
        ids = {saved({**old, "dbmmodule": module}, user=1) for module in KINDS_OF_DBM}
        assert ids == set(found(DbmSource(tmp_path)))

        Cache("news", **old).put("weather", "fine")
        assert 1 == list(DbmSource(tmp_path).entries({})).count(NotASession())

    def test_what_is_no_dbm_is_unreadable(self, tmp_path: Path) -> None:
        """A damaged file is told, and does not stop the others."""
        (tmp_path / "container_dbm").mkdir()
        (tmp_path / "container_dbm" / "x.dbm").write_bytes(b"not at all a dbm file")
        (entry,) = DbmSource(tmp_path).entries({})
        assert isinstance(entry, Damaged)

    @pytest.mark.parametrize("scheme", ["file", "dbm"])
    def test_a_folder_that_is_not_there(self, scheme: str, tmp_path: Path) -> None:
        """A mistyped folder is an error, not an empty store."""
        with pytest.raises(ConfigurationError, match="there is no folder"):
            source_from_url(f"{scheme}://{tmp_path}/sesions")


class TestRedis:
    """The backend `ext:redis`."""

    def test_expiry_and_foreign_keys(self, redis_url: str, clock: Clock) -> None:
        """The server knows how long a session lives; what is no session of Beaker's is left."""
        lasting = saved({"type": "ext:redis", "url": redis_url}, user=1)
        ending = saved({"type": "ext:redis", "url": redis_url, "timeout": 1000}, user=2)
        with redis.Redis.from_url(redis_url) as client:
            client.set("beaker_cache:news:weather", pickle.dumps("fine"))
            client.set("somebody:else:session", b"no pickle")
            client.pexpire(f"beaker_cache:{ending}:session", 500_000)
        sessions = found(RedisSource(redis_url, clock))
        assert {lasting, ending} == set(sessions)
        assert sessions[lasting].expires_ms is None
        left_ms = (sessions[ending].expires_ms or 0) - clock() * 1000
        assert 440_000 < left_ms <= 500_000

    def test_more_keys_than_one_batch(self, redis_url: str) -> None:
        """Every one of 1,200 sessions is found."""
        value = pickle.dumps("payload")
        with redis.Redis.from_url(redis_url) as client:
            client.mset({f"beaker_cache:{number}:session": value for number in range(1200)})
        assert {str(number) for number in range(1200)} == set(found(RedisSource(redis_url)))

    def test_a_server_that_is_not_there(self) -> None:
        """No answer is an error that names the server, and no password."""
        source = source_from_url("redis://:secret-word@127.0.0.1:1/0")
        with pytest.raises(StoreUnavailable, match=r"redis://127.0.0.1:1/0 cannot be") as caught:
            list(source.entries({}))
        assert "secret-word" not in str(caught.value)


class TestDatabase:
    """The backends `ext:database` and `ext:sqla`."""

    def test_table_and_time(self, tmp_path: Path) -> None:
        """The settings name the table, and its local times are understood."""
        url = f"sqlite:///{tmp_path}/{uuid4().hex}.db"
        settings = {"type": "ext:database", "url": url, "table_name": "kept"}
        old = {**settings, "lock_dir": str(tmp_path)}
        session_id = saved(old, user=1)
        engine = sqlalchemy.create_engine(url)
        with engine.connect() as connection:
            ((written,),) = connection.execute(sqlalchemy.text("select accessed from kept"))
        engine.dispose()
        (entry,) = found(source_from_settings(settings)).values()
        assert session_id == entry.session_id
        assert round(datetime.fromisoformat(written).timestamp() * 1000) == entry.accessed_ms

    def test_a_table_that_is_not_there(self, tmp_path: Path) -> None:
        """A database of something else is an error."""
        file = tmp_path / "other.db"
        file.touch()
        source = source_from_url(f"sqlite:///{file}")
        with pytest.raises(StoreUnavailable, match="no such table: beaker_cache"):
            list(source.entries({}))

    @pytest.mark.parametrize("name", ["none.db", ""])
    def test_a_database_that_is_not_there(self, tmp_path: Path, name: str) -> None:
        """It is an error, and SQLite makes no file of it."""
        path = f"{tmp_path}/{name}" if name else ""
        with pytest.raises(ConfigurationError, match=f"there is no database {path}"):
            source_from_url(f"sqlite:///{path}")
        assert [] == list(tmp_path.iterdir())

    def test_a_url_that_says_nothing(self) -> None:
        """What SQLAlchemy does not understand is refused, and the password in it not shown."""
        with pytest.raises(ConfigurationError) as caught:
            source_from_url("nosuchdb://me:secret-word@host/db")
        assert "secret-word" not in str(caught.value)


class TestDynamoDB:
    """`ext:dynamodb`, under other settings."""

    @pytest.mark.parametrize(
        ("hash_ids", "expected"),
        [(False, ["plain"]), (True, [None]), ("migrate", ["plain", None])],
    )
    def test_which_ids(
        self, hash_ids: object, expected: list[str | None], options: dict[str, Any]
    ) -> None:
        """With the settings of the old application those sessions are read that it would find."""
        old = {"type": "ext:dynamodb", **options}
        saved(old, "plain", user=1)
        saved({**old, "hash_ids": True}, "hashed", user=1)
        saved({**old, "prefix": "another"}, "another", user=1)
        entries = list(DynamoDBSource(target({**options, "hash_ids": hash_ids})).entries({}))
        sessions = [entry for entry in entries if isinstance(entry, SourceSession)]
        digests = {"plain": digest_of("plain"), None: digest_of("hashed")}
        assert {digests[name] for name in expected} == {entry.digest for entry in sessions}
        assert set(expected) == {entry.session_id for entry in sessions}
        assert 2 - len(expected) == entries.count(NotASession())

    def test_odd_ids(self, options: dict[str, Any]) -> None:
        """Any id at all comes back, also one that is too long for a key."""
        ids = {"%", "a|b:c", "ä" * 10, "x" * 900, "%#" + "0" * 64}
        for session_id in ids:
            saved({"type": "ext:dynamodb", **options}, session_id, user=1)
        entries = DynamoDBSource(target(options)).entries({})
        assert ids == {entry.session_id for entry in entries if isinstance(entry, SourceSession)}

    def test_a_forged_session_is_unreadable(self, options: dict[str, Any]) -> None:
        """What is not signed with the old application's keys is not brought over."""
        saved({"type": "ext:dynamodb", **options, "signing_keys": "0" * 16}, user=1)
        source = DynamoDBSource(target({**options, "signing_keys": "1" * 16}))
        kinds = [type(entry) for entry in source.entries({}) if not isinstance(entry, Mark)]
        assert [Damaged] == kinds

    def test_an_empty_prefix(self, options: dict[str, Any]) -> None:
        """Of a table without prefixes all sessions are read."""
        bare = {**options, "prefix": ""}
        session_id = saved({"type": "ext:dynamodb", **bare}, user=1)
        entries = DynamoDBSource(target(bare)).entries({})
        assert [session_id] == [e.session_id for e in entries if isinstance(e, SourceSession)]


def test_mongodb() -> None:
    """Beaker's own manager writes into a MongoDB that is imitated in this process."""
    client: Any = mongomock.MongoClient("mongodb://127.0.0.1/beaker")
    old = {"type": "ext:mongodb", "url": client}
    # Beaker asks bson for its Binary, as here; nothing of pymongo's network is used.
    session_id = saved(old, user=1)
    cached = MongoNamespaceManager("news", client)
    cached.set_value("session", "text under a session's name", expiretime=1_000_000)
    cached.set_value("weather", "fine")

    sessions = found(MongoSource(client))

    assert {session_id, "news"} == set(sessions)
    assert sessions[session_id].expires_ms is None
    assert sessions["news"].expires_ms is not None
    with pytest.raises(ConfigurationError, match="mongodb://HOST/DATABASE"):
        source_from_url("mongodb://127.0.0.1/")


def test_encrypted_sessions_are_read_as_they_are(tmp_path: Path) -> None:
    """The payload is what Beaker stored, to the letter."""
    old = {"type": "file", "data_dir": str(tmp_path), **ENCRYPTED}
    saved(old, user=1)
    (file,) = tmp_path.rglob("*.cache")
    (entry,) = found(source_from_url(f"file://{tmp_path}")).values()
    assert pickle.loads(file.read_bytes())["session"] == entry.payload


@pytest.mark.parametrize(
    ("url", "module", "package"),
    [
        ("redis://127.0.0.1/0", "redis", "redis"),
        ("mongodb://127.0.0.1/x", "pymongo", "pymongo"),
        ("sqlite:///x.db", "sqlalchemy", "sqlalchemy"),
        ("postgresql+psycopg2://127.0.0.1/x", "psycopg2", "psycopg2"),
        ("mysql://127.0.0.1/x", "MySQLdb", "mysqlclient"),
    ],
)
def test_a_missing_library_is_named(
    url: str, module: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a source needs is imported when it is wanted; the error says what to install."""
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ConfigurationError, match=f"pip install {package}"):
        source_from_url(url)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"type": "cookie"}, "in the browsers' cookies"),
        ({}, "in the memory"),
        ({"type": "ext:memcached"}, "memcached cannot list"),
        ({"type": "nonsense"}, "'nonsense' is unknown"),
        ({"type": "file"}, "needs the setting session.data_dir"),
        ({"type": "ext:redis"}, "needs the setting session.url"),
    ],
)
def test_settings_that_cannot_be_read_from(settings: dict[str, str], said: str) -> None:
    """Each of them is an error that says why."""
    with pytest.raises(ConfigurationError, match=said):
        source_from_settings(settings)


@pytest.mark.parametrize("url", ["sessions", "file://sessions", "file:"])
def test_urls_that_cannot_be_read_from(url: str) -> None:
    """What is no url, or a folder without a path, is an error that shows the form."""
    with pytest.raises(ConfigurationError, match=r"file:///FOLDER"):
        source_from_url(url)


def test_targets() -> None:
    """`session.timeout` becomes the items' life, with the 120 seconds that Beaker adds."""
    assert 1920 == target_from_url("dynamodb://eu-west-1/mine", 1800).options.timeout
    ini = {"type": "ext:dynamodb", "url": "dynamodb://eu-west-1/mine", "timeout": "1800"}
    assert 1920 == target_from_settings({**ini, "encrypt_key": "e", "key": "id"}).options.timeout
    assert target_from_url("dynamodb://eu-west-1/mine").options.timeout is None
    with pytest.raises(ConfigurationError, match="not ext:redis"):
        target_from_settings({"type": "ext:redis"})


def test_reading_makes_no_table(options: dict[str, Any]) -> None:
    """A mistyped name of the old table is an error."""
    query = "&".join(f"{name}={value}" for name, value in options.items() if name != "table_name")
    source = source_from_url(f"dynamodb:///{options['table_name']}?{query}")
    with pytest.raises(ConfigurationError, match="does not exist"):
        list(source.entries({}))
