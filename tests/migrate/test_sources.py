"""What each source reads, and its errors."""

from __future__ import annotations

import importlib
import pickle
import sys
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from types import ModuleType
from typing import Any

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
from beaker_dynamodb.migrate.source import Damaged, NotASession, SourceSession, digest_of
from beaker_dynamodb.migrate.stores import (
    source_from_settings,
    source_from_url,
    target_from_settings,
)
from tests.clock import Clock
from tests.migrate.moving import saved, target, url_of


def dbm_modules() -> list[ModuleType]:
    """Return the dbm modules that this Python has."""
    modules = []
    for name in ("dbm.gnu", "dbm.ndbm", "dbm.sqlite3", "dbm.dumb"):
        with suppress(ImportError):
            modules.append(importlib.import_module(name))
    return modules


def found(source: Any) -> dict[str | None, SourceSession]:
    """Return the sessions of a source that has nothing else, by id."""
    entries = list(source.entries())
    sessions = [entry for entry in entries if isinstance(entry, SourceSession)]
    assert entries == sessions
    return {entry.session_id: entry for entry in sessions}


@pytest.mark.parametrize("name", ["file_dir", "data_dir"])
def test_files_are_found_in_either_folder(name: str, tmp_path: Path) -> None:
    settings = {"type": "file", name: str(tmp_path), "lock_dir": str(tmp_path / "locks")}
    session_id = saved(settings, user=1)
    (file,) = tmp_path.rglob("*.cache")
    entry = found(source_from_settings(settings))[session_id]
    assert int(file.stat().st_mtime * 1000) == entry.accessed_ms
    assert pickle.loads(file.read_bytes())["session"] == entry.payload


def test_every_dbm_module_and_no_cache(tmp_path: Path) -> None:
    settings = {"type": "dbm", "data_dir": str(tmp_path)}
    ids = {saved({**settings, "dbmmodule": module}, user=1) for module in dbm_modules()}
    assert ids == set(found(DbmSource(tmp_path)))
    Cache("news", **settings).put("weather", "fine")
    assert 1 == list(DbmSource(tmp_path).entries()).count(NotASession())


def test_a_damaged_dbm_file(tmp_path: Path) -> None:
    (tmp_path / "container_dbm").mkdir()
    (tmp_path / "container_dbm" / "x.dbm").write_bytes(b"not at all a dbm file")
    (entry,) = DbmSource(tmp_path).entries()
    assert isinstance(entry, Damaged)


@pytest.mark.parametrize("scheme", ["file", "dbm"])
def test_several_stores_below_a_folder_are_named_and_refused(scheme: str, tmp_path: Path) -> None:
    ids = {}
    for number, name in ((1, "shop"), (2, "blog")):
        settings = {"type": scheme, "data_dir": f"{tmp_path}/{name}"}
        ids[name] = {saved(settings) for _ in range(number)}
    stores = [f"{tmp_path}/{name}/container_{scheme}" for name in ids]
    with pytest.raises(ConfigurationError, match="several stores below") as caught:
        source_from_url(f"{scheme}://{tmp_path}")
    for name, store in zip(ids, stores, strict=True):
        assert f"{store} (files: {len(ids[name])})" in str(caught.value)
    for chosen in (f"{tmp_path}/blog", stores[1]):
        source = source_from_url(f"{scheme}://{chosen}")
        assert (f"the folder {stores[1]}", 2) == (source.name, source.total())
        assert ids["blog"] == set(found(source))


@pytest.mark.parametrize("scheme", ["file", "dbm"])
def test_the_only_store_below_a_folder(scheme: str, tmp_path: Path) -> None:
    store = tmp_path / "shop" / f"container_{scheme}"
    session_id = saved({"type": scheme, "data_dir": f"{tmp_path}/shop"})
    assert f"the folder {store}" == source_from_url(f"{scheme}://{tmp_path}").name
    saved({"type": scheme, "data_dir": f"{store}/nested"})
    source = source_from_url(f"{scheme}://{store}")
    assert (f"the folder {store}", 1) == (source.name, source.total())
    assert {session_id} == set(found(source))


def test_redis_stores_when_sessions_expire(redis_url: str, clock: Clock) -> None:
    forever = saved({"type": "ext:redis", "url": redis_url}, user=1)
    expiring = saved({"type": "ext:redis", "url": redis_url, "timeout": 1000}, user=2)
    with redis.Redis.from_url(redis_url) as client:
        client.set("beaker_cache:news:weather", pickle.dumps("fine"))
        client.set("another:application:session", b"no pickle")
        client.pexpire(f"beaker_cache:{expiring}:session", 500_000)
    sessions = found(RedisSource(redis_url, clock))
    assert {forever, expiring} == set(sessions)
    assert sessions[forever].expires_ms is None
    assert 440_000 < (sessions[expiring].expires_ms or 0) - clock() * 1000 <= 500_000


def test_more_redis_keys_than_one_batch(redis_url: str) -> None:
    value = pickle.dumps("payload")
    with redis.Redis.from_url(redis_url) as client:
        client.mset({f"beaker_cache:{number}:session": value for number in range(1200)})
    source = RedisSource(redis_url)
    assert 1200 == source.total()
    assert {str(number) for number in range(1200)} == set(found(source))


def test_no_redis_server() -> None:
    source = source_from_url("redis://:secret-word@127.0.0.1:1/0")
    with pytest.raises(StoreUnavailable, match=r"redis://127.0.0.1:1/0 cannot be") as caught:
        list(source.entries())
    assert "secret-word" not in str(caught.value)


def test_database_times_are_local(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/beaker.db"
    settings = {"type": "ext:database", "url": url, "table_name": "kept"}
    session_id = saved({**settings, "lock_dir": str(tmp_path)}, user=1)
    engine = sqlalchemy.create_engine(url)
    with engine.connect() as connection:
        ((written,),) = connection.execute(sqlalchemy.text("select accessed from kept"))
    engine.dispose()
    source = source_from_settings(settings)
    entry = found(source)[session_id]
    assert 1 == source.total()
    assert round(datetime.fromisoformat(written).timestamp() * 1000) == entry.accessed_ms


def test_a_missing_database_table(tmp_path: Path) -> None:
    (tmp_path / "other.db").touch()
    source = source_from_url(f"sqlite:///{tmp_path}/other.db")
    with pytest.raises(StoreUnavailable, match="no such table: beaker_cache"):
        list(source.entries())


@pytest.mark.parametrize("name", ["none.db", ""])
def test_a_missing_database_is_not_created(tmp_path: Path, name: str) -> None:
    path = f"{tmp_path}/{name}" if name else ""
    with pytest.raises(ConfigurationError, match=f"database {path} does not exist"):
        source_from_url(f"sqlite:///{path}")
    assert [] == list(tmp_path.iterdir())


def test_an_invalid_database_url_is_not_shown() -> None:
    with pytest.raises(ConfigurationError) as caught:
        source_from_url("nosuchdb://me:secret-word@host/db")
    assert "secret-word" not in str(caught.value)


def test_mongodb() -> None:
    client: Any = mongomock.MongoClient("mongodb://127.0.0.1/beaker")
    session_id = saved({"type": "ext:mongodb", "url": client}, user=1)
    cache = MongoNamespaceManager("news", client)
    cache.set_value("session", "a string under a session's key", expiretime=1_000_000)
    cache.set_value("weather", "fine")
    source = MongoSource(client)
    assert 3 == source.total()
    sessions = found(source)
    assert {session_id, "news"} == set(sessions)
    assert sessions[session_id].expires_ms is None
    assert sessions["news"].expires_ms is not None


@pytest.mark.parametrize(
    ("hash_ids", "expected"), [(False, ["plain"]), (True, [None]), ("migrate", ["plain", None])]
)
def test_dynamodb_sessions_that_the_old_application_can_find(
    hash_ids: object, expected: list[str | None], options: dict[str, Any]
) -> None:
    old = {"type": "ext:dynamodb", **options}
    saved(old, "plain", user=1)
    saved({**old, "hash_ids": True}, "hashed", user=1)
    saved({**old, "prefix": "another"}, "another", user=1)
    source = DynamoDBSource(target({**options, "hash_ids": hash_ids}))
    assert 3 == source.total()
    entries = list(source.entries())
    digests = {"plain": digest_of("plain"), None: digest_of("hashed")}
    assert {name: digests[name] for name in expected} == {
        entry.session_id: entry.digest for entry in entries if isinstance(entry, SourceSession)
    }
    assert 2 - len(expected) == entries.count(NotASession())


@pytest.mark.parametrize("prefix", [None, ""])
def test_any_dynamodb_session_id(options: dict[str, Any], prefix: str | None) -> None:
    ids = {"%", "a|b:c", "ä" * 10, "x" * 900, "%#" + "0" * 64}
    old = {**options, "prefix": prefix}
    for session_id in ids:
        saved({"type": "ext:dynamodb", **old}, session_id, user=1)
    entries = DynamoDBSource(target(old)).entries()
    assert ids == {entry.session_id for entry in entries if isinstance(entry, SourceSession)}


def test_a_session_with_a_wrong_signature_is_damaged(options: dict[str, Any]) -> None:
    saved({"type": "ext:dynamodb", **options, "signing_keys": "0" * 16}, user=1)
    source = DynamoDBSource(target({**options, "signing_keys": "1" * 16}))
    assert [Damaged] == [type(entry) for entry in source.entries()]


def test_an_unsigned_session_is_copied_only_as_plain_data(options: dict[str, Any]) -> None:
    """The copy is signed. That must not make a malicious pickle trusted."""
    old = {"type": "ext:dynamodb", **options}
    saved(old, "plain", user=1)
    saved(old, "object", user=Path())
    accepted = {"plain": {SourceSession, Damaged}, "true": {SourceSession}, "false": {Damaged}}
    for accept, kinds in accepted.items():
        new = target({**options, "secret": "a secret", "accept_unsigned": accept})
        assert kinds == {type(entry) for entry in DynamoDBSource(new).entries()}


def test_reading_does_not_create_a_table(options: dict[str, Any]) -> None:
    source = source_from_url(url_of(options))
    with pytest.raises(ConfigurationError, match="does not exist"):
        list(source.entries())


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
def test_a_missing_package_is_named(
    url: str, module: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ConfigurationError, match=f"pip install {package}"):
        source_from_url(url)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"type": "cookie"}, "in the browsers' cookies"),
        ({}, "in the memory"),
        ({"type": "ext:memcached"}, "memcached cannot list"),
        ({"type": "nonsense"}, "'nonsense' is unknown"),
        ({"type": "file"}, "needs the setting session.data_dir"),
        ({"type": "ext:redis"}, "needs the setting session.url"),
    ],
)
def test_unusable_settings(settings: dict[str, str], reason: str) -> None:
    with pytest.raises(ConfigurationError, match=reason):
        source_from_settings(settings)


@pytest.mark.parametrize(
    ("url", "form"),
    [
        ("sessions", "file:///FOLDER"),
        ("file://sessions", "file:///FOLDER"),
        ("file:", "file:///FOLDER"),
        ("mongodb://127.0.0.1/", "mongodb://HOST/DATABASE"),
    ],
)
def test_an_invalid_url_shows_the_right_form(url: str, form: str) -> None:
    with pytest.raises(ConfigurationError, match=form):
        source_from_url(url)


def test_the_target_gets_the_timeout_of_sessions() -> None:
    assert (
        1920
        == target_from_settings(
            {"url": "dynamodb://eu-west-1/mine", "timeout": 1800}
        ).options.timeout
    )
    ini = {"type": "ext:dynamodb", "url": "dynamodb://eu-west-1/mine", "timeout": "1800"}
    assert 1920 == target_from_settings({**ini, "encrypt_key": "e", "key": "id"}).options.timeout
    assert target_from_settings({"url": "dynamodb://eu-west-1/mine"}).options.timeout is None
    with pytest.raises(ConfigurationError, match="not ext:redis"):
        target_from_settings({"type": "ext:redis"})
