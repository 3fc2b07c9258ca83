"""What ``--from`` and ``--to`` say, as a source and a store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from beaker_dynamodb.backend import Backend
from beaker_dynamodb.config.beaker_settings import SESSIONS, TYPES, split
from beaker_dynamodb.config.parse import parse
from beaker_dynamodb.exceptions import ConfigurationError
from beaker_dynamodb.migrate.sources import Source
from beaker_dynamodb.sessions.storage import SessionStorage

#: Kinds of sessions that no store can list.
UNLISTED = {
    "cookie": "the sessions are in the browsers' cookies, there is nothing to copy",
    "memory": "the sessions are in the memory of the application's processes",
    "ext:google": "the datastore's sessions cannot be listed from here",
    "ext:memcached": "memcached cannot list what it holds",
}


def source_of_url(url: str, units_per_second: float | None = None) -> Source:
    """Open the source that a url names.

    ::

        file:///var/cache/sessions     Beaker's data_dir or file_dir
        dbm:///var/cache/sessions      data_dir or dbm_dir
        redis://HOST:6379/0            also rediss:// and unix://
        mongodb://HOST/DATABASE        also mongodb+srv://
        dynamodb://REGION/TABLE?prefix=…&hash_ids=…
        postgresql://…, sqlite:///…    any other is SQLAlchemy's

    :param units_per_second: read units a second of a source in DynamoDB.
    :raises ConfigurationError: it cannot be understood, its store is not there, or the library
        that reads it is missing.
    """
    scheme, colon, _ = url.partition(":")
    if not colon:
        raise ConfigurationError(
            "the source has to be a url: file:///FOLDER, redis://HOST/0, postgresql://…"
        )
    if scheme in ("file", "dbm"):
        return source_of_settings({"type": scheme, "data_dir": _folder(url)})
    if scheme in ("redis", "rediss", "unix"):
        return source_of_settings({"type": "ext:redis", "url": url})
    if scheme in ("mongodb", "mongodb+srv"):
        return source_of_settings({"type": "ext:mongodb", "url": url})
    if scheme == "dynamodb":
        return source_of_settings({"type": "ext:dynamodb", "url": url}, units_per_second)
    return source_of_settings({"type": "ext:database", "url": url})


def source_of_settings(
    settings: Mapping[str, Any], units_per_second: float | None = None
) -> Source:
    """Open the source that the settings of Beaker's middleware describe.

    :param settings: as they are in an INI file, ``session.`` taken off.
    :raises ConfigurationError: see `source_of_url`.
    """
    kind = settings.get("type") or ("file" if settings.get("data_dir") else "memory")
    if kind in UNLISTED:
        raise ConfigurationError(f"sessions of the type {kind} cannot be moved: {UNLISTED[kind]}")
    if kind == "file":
        from beaker_dynamodb.migrate.sources.files import FileSource

        return FileSource(Path(_needed(settings, "file_dir", "data_dir")))
    if kind == "dbm":
        from beaker_dynamodb.migrate.sources.files import DbmSource

        return DbmSource(Path(_needed(settings, "dbm_dir", "data_dir")))
    if kind in ("ext:database", "ext:sqla"):
        from beaker_dynamodb.migrate.sources.database import DatabaseSource

        return DatabaseSource(
            _needed(settings, "url", "sa.url"),
            settings.get("table_name") or "beaker_cache",
            settings.get("schema_name") or None,
        )
    if kind == "ext:redis":
        from beaker_dynamodb.migrate.sources.redis_keys import RedisSource

        return RedisSource(_needed(settings, "url"))
    if kind == "ext:mongodb":
        from beaker_dynamodb.migrate.sources.mongodb import MongoSource

        return MongoSource(_needed(settings, "url"))
    if kind in TYPES:
        from beaker_dynamodb.migrate.sources.dynamodb import DynamoDBSource

        # Reading must not make a table of a name that was mistyped.
        options = replace(parse(split(settings, SESSIONS)[0]), create_table=False)
        return DynamoDBSource(SessionStorage(Backend(options)), units_per_second)
    raise ConfigurationError(f"the session type {kind!r} is unknown")


def target_of_url(url: str, timeout: float | None = None) -> SessionStorage:
    """Open the table that sessions are copied to.

    :param url: ``dynamodb://REGION/TABLE?option=value&…``
    :param timeout: the application's ``session.timeout``, in seconds.
    :raises ConfigurationError: it cannot be understood.
    """
    return target_of_settings({"type": "ext:dynamodb", "url": url, "timeout": timeout})


def target_of_settings(settings: Mapping[str, Any]) -> SessionStorage:
    """Open the table that the settings of the middleware describe.

    :param settings: as they are in an INI file, ``session.`` taken off.
    :raises ConfigurationError: they are of another type, or an option does not fit.
    """
    if settings.get("type", "ext:dynamodb") not in TYPES:
        raise ConfigurationError(f"sessions can be moved to ext:dynamodb, not {settings['type']}")
    return SessionStorage(Backend(parse(split(settings, SESSIONS)[0])))


def _needed(settings: Mapping[str, Any], *names: str) -> str:
    for name in names:
        if settings.get(name):
            return str(settings[name])
    raise ConfigurationError(f"the source needs the setting session.{names[-1]}")


def _folder(url: str) -> str:
    parts = urlsplit(url)
    if parts.netloc not in ("", "localhost") or not parts.path:
        raise ConfigurationError(f"a folder is named so: {parts.scheme}:///FOLDER")
    return unquote(parts.path)
