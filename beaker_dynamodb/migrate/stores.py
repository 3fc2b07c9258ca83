"""Open the source and the target of a migration from a URL or Beaker's settings."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from beaker_dynamodb.backend import Backend
from beaker_dynamodb.config.beaker_settings import SESSIONS, TYPES, split
from beaker_dynamodb.config.options import Options
from beaker_dynamodb.config.parse import COMMAND_TIMEOUTS, by_name, parse
from beaker_dynamodb.exceptions import ConfigurationError
from beaker_dynamodb.migrate.from_database import DatabaseSource
from beaker_dynamodb.migrate.from_dynamodb import DynamoDBSource
from beaker_dynamodb.migrate.from_files import DbmSource, FileSource
from beaker_dynamodb.migrate.from_mongodb import MongoSource
from beaker_dynamodb.migrate.from_redis import RedisSource
from beaker_dynamodb.migrate.source import Source
from beaker_dynamodb.sessions.storage import SessionStorage

#: Why sessions of some types cannot be migrated.
UNSUPPORTED = {
    "cookie": "the sessions are in the browsers' cookies, so there is nothing to copy",
    "memory": "the sessions are in the memory of the application's processes",
    "ext:google": "sessions in Google's datastore cannot be listed",
    "ext:memcached": "memcached cannot list its contents",
}
#: Beaker's session type by URL scheme; every other scheme is for SQLAlchemy.
TYPE_OF_SCHEME = {
    "redis": "ext:redis",
    "rediss": "ext:redis",
    "unix": "ext:redis",
    "mongodb": "ext:mongodb",
    "mongodb+srv": "ext:mongodb",
    "dynamodb": "ext:dynamodb",
}


def source_from_url(url: str, units_per_second: float | None = None) -> Source:
    """Open the source that a URL describes.

    ::

        file:///var/cache/sessions     Beaker's data_dir or file_dir
        dbm:///var/cache/sessions      data_dir or dbm_dir
        redis://HOST:6379/0            also rediss:// and unix://
        mongodb://HOST/DATABASE        also mongodb+srv://
        dynamodb://REGION/TABLE?prefix=…&hash_ids=…
        postgresql://…, sqlite:///…    any other: SQLAlchemy

    :param units_per_second: maximum read capacity of a DynamoDB source.
    :raises ConfigurationError: the URL is invalid, the store does not exist, or the package that
        reads it is missing.
    """
    scheme, colon, _ = url.partition(":")
    if not colon:
        raise ConfigurationError(
            "the source must be a URL: file:///FOLDER, redis://HOST/0, postgresql://…"
        )
    if scheme in ("file", "dbm"):
        parts = urlsplit(url)
        if parts.netloc not in ("", "localhost") or not parts.path:
            raise ConfigurationError(f"a folder must be written as {scheme}:///FOLDER")
        return source_from_settings({"type": scheme, "data_dir": unquote(parts.path)})
    kind = TYPE_OF_SCHEME.get(scheme, "ext:database")
    return source_from_settings({"type": kind, "url": url}, units_per_second)


def source_from_settings(
    settings: Mapping[str, Any], units_per_second: float | None = None
) -> Source:
    """Open the source that Beaker's session settings describe.

    :param settings: names without ``session.``.
    :raises ConfigurationError: see `source_from_url`.
    """
    kind = settings.get("type") or ("file" if settings.get("data_dir") else "memory")
    if kind in UNSUPPORTED:
        raise ConfigurationError(f"sessions of type {kind} cannot be migrated: {UNSUPPORTED[kind]}")
    if kind == "file":
        return FileSource(Path(_required(settings, "file_dir", "data_dir")))
    if kind == "dbm":
        return DbmSource(Path(_required(settings, "dbm_dir", "data_dir")))
    if kind in ("ext:database", "ext:sqla"):
        return DatabaseSource(
            _required(settings, "url", "sa.url"),
            settings.get("table_name") or "beaker_cache",
            settings.get("schema_name") or None,
        )
    if kind == "ext:redis":
        return RedisSource(_required(settings, "url"))
    if kind == "ext:mongodb":
        return MongoSource(_required(settings, "url"))
    if kind in TYPES:
        return DynamoDBSource(SessionStorage(Backend(_options(settings))), units_per_second)
    raise ConfigurationError(f"the session type {kind!r} is unknown")


def target_from_settings(settings: Mapping[str, Any], *, create: bool = False) -> SessionStorage:
    """Open the target table that Beaker's session settings describe.

    :param settings: names without ``session.``.
    :param create: create the table if it does not exist.
    :raises ConfigurationError: the session type is not DynamoDB, or an option is wrong.
    """
    if settings.get("type", "ext:dynamodb") not in TYPES:
        raise ConfigurationError(
            f"sessions can be migrated to ext:dynamodb, not {settings['type']}"
        )
    return SessionStorage(Backend(_options(settings, create=create)))


def check_different(source: Source, target: SessionStorage) -> None:
    """Check that sessions are not copied onto themselves.

    :raises ConfigurationError: source and target are the same table and prefix.
    """
    if not isinstance(source, DynamoDBSource):
        return
    source_keys, target_keys = (
        (
            storage.items.client().meta.endpoint_url,
            storage.options.table_name.rpartition("/")[2],  # of an ARN
            storage.keys.prefixes[0],
            bool(storage.options.hash_ids),
        )
        for storage in (source.storage, target)
    )
    # With `hash_ids = migrate`, the source also finds sessions under other keys.
    if source_keys == target_keys and source.storage.options.hash_ids != "migrate":
        raise ConfigurationError(
            f"source and target are the same: {source.name}. Copy to another table or prefix"
        )


def _options(settings: Mapping[str, Any], *, create: bool = False) -> Options:
    # Never create a table by default: its name may be misspelled.
    given = by_name(split(settings, SESSIONS)[0])
    return parse({**COMMAND_TIMEOUTS, **given, "create_table": create})


def _required(settings: Mapping[str, Any], *names: str) -> str:
    for name in names:
        if settings.get(name):
            return str(settings[name])
    raise ConfigurationError(f"the source needs the setting session.{names[-1]}")
