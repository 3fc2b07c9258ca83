"""Beaker's backends ``file`` and ``dbm``: one file per session.

The session ``abcdef…`` is in ``DATA_DIR/container_file/a/ab/abcdef….cache`` or
``DATA_DIR/container_dbm/a/ab/abcdef….dbm``. Most dbm modules add another suffix. Beaker's Session
never hashes its file names (``digest_filenames=False`` in beaker/session.py). A file whose name is
a hash belongs to a cache, and its values are not sessions.
"""

from __future__ import annotations

import dbm
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from beaker_dynamodb.exceptions import ConfigurationError
from beaker_dynamodb.migrate.source import (
    SESSION_KEY,
    Damaged,
    Entry,
    NotASession,
    from_namespace,
    from_value,
    reading,
)

#: dbm.gnu and dbm.sqlite3 add no suffix; dbm.ndbm adds db, or dir and pag; dbm.dumb adds bak, dat
#: and dir.
_DBM_NAME = re.compile(r"(?P<id>.+)\.dbm(\.(bak|dat|db|dir|pag))?")


class FileSource:
    """The backend ``file``.

    :param folder: its ``data_dir`` or ``file_dir``.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = _container(folder, "container_file")
        self.name = f"the folder {self._folder}"

    def entries(self, marks: Mapping[int, Mapping[str, Any] | None]) -> Iterator[Entry]:
        """Yield the contents of the files."""
        with reading(self.name):
            for folder, names in _walk(self._folder):
                for name in names:
                    path = folder / name
                    if path.suffix == ".cache":
                        try:
                            with path.open("rb") as file:
                                written_ms = os.fstat(file.fileno()).st_mtime_ns // 1_000_000
                                pickled = file.read()
                        except FileNotFoundError:
                            continue  # deleted after the folder was listed
                        yield from_namespace(path.stem, pickled, written_ms)


class DbmSource:
    """The backend ``dbm``.

    :param folder: its ``data_dir`` or ``dbm_dir``.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = _container(folder, "container_dbm")
        self.name = f"the folder {self._folder}"

    def entries(self, marks: Mapping[int, Mapping[str, Any] | None]) -> Iterator[Entry]:
        """Yield the contents of the files."""
        with reading(self.name):
            for folder, names in _walk(self._folder):
                matches = [_DBM_NAME.fullmatch(name) for name in names]
                for session_id in sorted({match["id"] for match in matches if match}):
                    yield _dbm_entry(folder, session_id)


def _dbm_entry(folder: Path, session_id: str) -> Entry:
    path = folder / f"{session_id}.dbm"
    try:
        with dbm.open(str(path), "r") as file:
            if SESSION_KEY.encode() not in file:
                return NotASession()
            pickled = file[SESSION_KEY.encode()]
        written_ms = max(
            file.stat().st_mtime_ns // 1_000_000
            for file in (path, *(path.with_suffix(f".dbm.{end}") for end in ("dat", "db", "pag")))
            if file.exists()
        )
    except (*dbm.error, ValueError) as error:  # ValueError: the data file does not exist
        return Damaged(f"not a dbm file: {type(error).__name__}")
    return from_value(session_id, pickled, written_ms)


def _container(folder: Path, name: str) -> Path:
    if not folder.is_dir():
        raise ConfigurationError(f"there is no folder {folder}")
    return folder / name if (folder / name).is_dir() else folder


def _walk(top: Path) -> Iterator[tuple[Path, list[str]]]:
    def fail(error: OSError) -> None:
        # os.walk skips folders that it cannot read, by default.
        raise error

    for folder, folders, names in os.walk(top, onerror=fail):
        folders.sort()
        yield Path(folder), sorted(names)
