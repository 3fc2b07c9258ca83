"""Beaker's backends ``file`` and ``dbm``: one file per session.

The session ``abcdef…`` is in ``DATA_DIR/container_file/a/ab/abcdef….cache`` or
``DATA_DIR/container_dbm/a/ab/abcdef….dbm``. Some dbm modules add another suffix. Beaker's Session
never hashes its file names (``digest_filenames=False`` in beaker/session.py). A file whose name is
a hash belongs to a cache, and its values are not sessions.
"""

from __future__ import annotations

import dbm
import os
import re
from abc import abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from beaker_dynamodb.exceptions import ConfigurationError
from beaker_dynamodb.migrate.source import (
    Damaged,
    Entry,
    NotASession,
    Source,
    from_pickle,
    reading,
)
from beaker_dynamodb.namespace import SESSION_KEY

#: dbm.gnu and dbm.sqlite3 add no suffix; dbm.ndbm adds db, or dir and pag; dbm.dumb adds bak, dat
#: and dir.
_DBM_NAME = re.compile(r"(?P<id>.+)\.dbm(\.(bak|dat|db|dir|pag))?")

#: Maximum number of stores that an error message lists.
SHOWN_STORES = 10


class _Files(Source):
    """Sessions in files.

    :param folder: Beaker's ``data_dir``, ``file_dir`` or ``dbm_dir``, or the container in it.
    :raises ConfigurationError: the folder does not exist, or contains several stores.
    """

    #: The folder that the backend creates in ``data_dir``.
    container: str

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise ConfigurationError(f"folder {folder} does not exist")
        inner = folder / self.container
        top = inner if inner.is_dir() else folder
        found: Counter[Path] = Counter()
        with reading(f"the folder {top}"):
            for parent, names in _walk(top):
                if ids := self._ids(names):
                    found[_store(parent, top)] += len(ids)
        if top in found:  # ignore the folders below it
            found = Counter({top: found[top]})
        if len(found) > 1:
            largest = found.most_common(SHOWN_STORES)
            stores = ", ".join(f"{store} (files: {number:,})" for store, number in largest)
            more = f" and {len(found) - SHOWN_STORES:,} more" if len(found) > SHOWN_STORES else ""
            raise ConfigurationError(
                f"there are several stores below {folder}; choose one: {stores}{more}"
            )
        self._folder, self._files = next(iter(found.items()), (top, 0))
        self.name = f"the folder {self._folder}"

    @staticmethod
    @abstractmethod
    def _ids(names: Iterable[str]) -> list[str]:
        """Return the namespaces (session ids) that these file names belong to."""

    def _total(self) -> int | None:
        return self._files  # counted when the source was opened

    def _entries(self) -> Iterator[Entry]:
        for folder, names in _walk(self._folder):
            if _store(folder, self._folder) == self._folder:
                for name in self._ids(names):
                    yield from self._entry(folder, name)

    @abstractmethod
    def _entry(self, folder: Path, name: str) -> Iterator[Entry]: ...


class FileSource(_Files):
    """The backend ``file``."""

    container = "container_file"

    @staticmethod
    def _ids(names: Iterable[str]) -> list[str]:
        return [name.removesuffix(".cache") for name in names if name.endswith(".cache")]

    def _entry(self, folder: Path, name: str) -> Iterator[Entry]:
        try:
            with (folder / f"{name}.cache").open("rb") as file:
                written_ms = os.fstat(file.fileno()).st_mtime_ns // 1_000_000
                pickled = file.read()
        except FileNotFoundError:
            return  # deleted after the folder was listed
        yield from_pickle(name, pickled, namespace=True, accessed_ms=written_ms)


class DbmSource(_Files):
    """The backend ``dbm``."""

    container = "container_dbm"

    @staticmethod
    def _ids(names: Iterable[str]) -> list[str]:
        matches = [_DBM_NAME.fullmatch(name) for name in names]
        return sorted({match["id"] for match in matches if match})

    def _entry(self, folder: Path, name: str) -> Iterator[Entry]:
        path = folder / f"{name}.dbm"
        try:
            with dbm.open(str(path), "r") as file:
                pickled = file.get(SESSION_KEY.encode())
            paths = (path, *(path.with_suffix(f".dbm.{end}") for end in ("dat", "db", "pag")))
            written_ms = max(p.stat().st_mtime_ns // 1_000_000 for p in paths if p.exists())
        except (*dbm.error, ValueError):  # ValueError: the data file does not exist
            yield Damaged()
            return
        if pickled is None:
            yield NotASession()
        else:
            yield from_pickle(name, pickled, accessed_ms=written_ms)


def _store(folder: Path, top: Path) -> Path:
    """Return a folder's store: two levels up (STORE/a/ab/abcdef….cache), but within ``top``."""
    store = folder.parent.parent
    return store if store.is_relative_to(top) else top


def _walk(top: Path) -> Iterator[tuple[Path, list[str]]]:
    def fail(error: OSError) -> None:
        # By default, os.walk skips folders that it cannot read.
        raise error

    for folder, folders, names in os.walk(top, onerror=fail):
        folders.sort()
        yield Path(folder), sorted(names)
