"""Beaker's backends ``file`` and ``dbm``: a file for each session, below folders by its id.

The file of the session ``abcdef…`` is ``DATA_DIR/container_file/a/ab/abcdef….cache``, or
``DATA_DIR/container_dbm/a/ab/abcdef….dbm``, to which most kinds of dbm add an ending of their own.
Beaker's Session never has the names digested (``digest_filenames=False`` in beaker/session.py); a
name that is a digest belongs to a cache, whose values are no sessions.
"""

from __future__ import annotations

import dbm
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from beaker_dynamodb.exceptions import ConfigurationError
from beaker_dynamodb.migrate.sources import (
    SESSION_KEY,
    Entry,
    Foreign,
    Unreadable,
    of_namespace,
    of_value,
    reading,
)

#: A session's id and ``.dbm``, and what dbm.gnu or dbm.sqlite3 (nothing), dbm.ndbm (``db``, or
#: ``dir`` and ``pag``) or dbm.dumb (``bak``, ``dat``, ``dir``) add.
_DBM_NAME = re.compile(r"(?P<id>.+)\.dbm(\.(bak|dat|db|dir|pag))?")


class FileSource:
    """The backend ``file``.

    :param folder: its ``data_dir``, or its ``file_dir``.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = _below(folder, "container_file")
        self.name = f"the folder {self._folder}"

    def entries(self, marks: Mapping[int, Mapping[str, Any] | None]) -> Iterator[Entry]:
        """Give what is in the files."""
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
                            continue  # deleted since the folder was read
                        yield of_namespace(path.stem, pickled, written_ms)


class DbmSource:
    """The backend ``dbm``.

    :param folder: its ``data_dir``, or its ``dbm_dir``.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = _below(folder, "container_dbm")
        self.name = f"the folder {self._folder}"

    def entries(self, marks: Mapping[int, Mapping[str, Any] | None]) -> Iterator[Entry]:
        """Give what is in the files."""
        with reading(self.name):
            for folder, names in _walk(self._folder):
                found = [_DBM_NAME.fullmatch(name) for name in names]
                for session_id in sorted({match["id"] for match in found if match}):
                    yield _dbm_entry(folder, session_id)


def _dbm_entry(folder: Path, session_id: str) -> Entry:
    path = folder / f"{session_id}.dbm"
    try:
        with dbm.open(str(path), "r") as file:
            if SESSION_KEY.encode() not in file:
                return Foreign()
            pickled = file[SESSION_KEY.encode()]
        written_ms = max(
            found.stat().st_mtime_ns // 1_000_000
            for found in (path, *(path.with_suffix(f".dbm.{end}") for end in ("dat", "db", "pag")))
            if found.exists()
        )
    except (*dbm.error, ValueError) as error:  # ValueError: no file of that kind is left
        return Unreadable(f"not a dbm file: {type(error).__name__}")
    return of_value(session_id, pickled, written_ms)


def _below(folder: Path, name: str) -> Path:
    if not folder.is_dir():
        raise ConfigurationError(f"there is no folder {folder}")
    return folder / name if (folder / name).is_dir() else folder


def _walk(top: Path) -> Iterator[tuple[Path, list[str]]]:
    def refuse(error: OSError) -> None:
        # A folder that may not be read would otherwise be passed over in silence.
        raise error

    for folder, folders, names in os.walk(top, onerror=refuse):
        folders.sort()
        yield Path(folder), sorted(names)
