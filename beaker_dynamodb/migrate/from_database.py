"""Beaker's backends ``ext:database`` and ``ext:sqla``: one row per session."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from beaker_dynamodb.exceptions import ConfigurationError
from beaker_dynamodb.migrate.source import Entry, Source, from_pickle

#: Rows per fetch.
BATCH_ROWS = 500
#: Package names by module name, where the two differ.
PACKAGES = {"MySQLdb": "mysqlclient"}


class DatabaseSource(Source):
    """A table with the columns ``namespace``, ``accessed`` and ``data``.

    :param url: SQLAlchemy URL.
    :param table_name: Beaker's option.
    :param schema_name: Beaker's option.
    :raises ConfigurationError: SQLAlchemy or the database driver is missing, the URL is invalid, or
        the SQLite file does not exist.
    """

    def __init__(
        self, url: str, table_name: str = "beaker_cache", schema_name: str | None = None
    ) -> None:
        try:
            import sqlalchemy
        except ImportError as error:
            raise ConfigurationError(
                f"SQLAlchemy is missing ({error}): pip install sqlalchemy"
            ) from error
        try:
            # Two reads do not need a pool, which would keep a connection open between them.
            self._engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.pool.NullPool)
        except ImportError as error:
            package = PACKAGES.get(error.name or "", error.name)
            raise ConfigurationError(
                f"the database driver is missing: pip install {package}"
            ) from error
        except sqlalchemy.exc.ArgumentError:
            # The error's message may contain the URL, including a password.
            raise ConfigurationError("SQLAlchemy cannot read the url of the database") from None
        path = self._engine.url.database or ""
        is_file = self._engine.dialect.name == "sqlite" and not path.startswith("file:")
        if is_file and not Path(path).is_file():
            # SQLite would create the file.
            raise ConfigurationError(f"database {path} does not exist")
        # Beaker's own column type, PickleType, would unpickle the data.
        columns: list[sqlalchemy.ColumnClause[Any]] = [
            sqlalchemy.column("namespace", sqlalchemy.String),
            sqlalchemy.column("accessed", sqlalchemy.DateTime),
            sqlalchemy.column("data", sqlalchemy.LargeBinary),
        ]
        table = sqlalchemy.table(table_name, *columns, schema=schema_name)
        self._select = sqlalchemy.select(*table.columns)
        self._count = sqlalchemy.select(sqlalchemy.func.count()).select_from(table)
        self.name = f"the table {table_name} of {self._engine.url.render_as_string()}"

    def _total(self) -> int | None:
        with self._engine.connect() as connection:
            return connection.execute(self._count).scalar_one()

    def _entries(self) -> Iterator[Entry]:
        with self._engine.connect() as connection:
            rows = connection.execution_options(yield_per=BATCH_ROWS).execute(self._select)
            for session_id, accessed, pickled in rows:
                # Beaker stores local time without a time zone. Assume this machine's.
                ms = round(accessed.timestamp() * 1000)
                yield from_pickle(session_id, pickled or b"", namespace=True, accessed_ms=ms)
