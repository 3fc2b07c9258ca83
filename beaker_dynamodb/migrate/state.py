"""The state file of `reap`: where to resume.

Lines are only ever appended::

    beaker-dynamodb state 2 SHA-256 of command and target
    mark SEGMENT LAST-KEY-AS-JSON

A mark holds a key of the table. Without ``hash_ids``, that key contains the id of a live session,
so only the file's owner may read it.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, TextIO

from beaker_dynamodb.exceptions import ConfigurationError

HEADER = "beaker-dynamodb state 2 "


class State(AbstractContextManager["State", None]):
    """State file; a context manager that closes it.

    :param path: created if it does not exist. None stores nothing.
    :param source: name of the source, or ``reap``.
    :param target: location of the table.
    :raises ConfigurationError: the file cannot be used, or belongs to another run.
    """

    def __init__(self, path: Path | None, source: str, target: str) -> None:
        #: Last key by segment; None if the whole segment was read.
        self.marks: dict[int, Mapping[str, Any] | None] = {}
        self._file = None
        if path is None:
            return
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            # Line-buffered, so that a killed process has recorded what it did.
            self._file = os.fdopen(descriptor, "r+", encoding="utf-8", newline="\n", buffering=1)
            self._read(
                self._file, HEADER + hashlib.sha256(f"{source}\n{target}".encode()).hexdigest()
            )
        except (OSError, ValueError, IndexError) as error:
            self.close()
            raise ConfigurationError(f"state file {path}: {error}") from None

    def _read(self, file: TextIO, header: str) -> None:
        end = 0
        for line in iter(file.readline, ""):
            if not line.endswith("\n"):
                break  # the process was killed while it wrote
            if end == 0 and line.rstrip("\n") != header:
                raise ValueError("belongs to another command, table or prefix")
            end += len(line.encode())
            if line.startswith("mark "):
                _, segment, last_key = line.split(" ", 2)
                self.marks[int(segment)] = json.loads(last_key)
        file.seek(end)
        file.truncate()
        if end == 0:
            self._append(header)

    def mark(self, segment: int, last_key: Mapping[str, Any] | None) -> None:
        """Record that everything in a segment up to this key is done."""
        if segment not in self.marks or self.marks[segment] != last_key:
            self.marks[segment] = last_key
            self._append(f"mark {segment} {json.dumps(last_key)}")

    def _append(self, line: str) -> None:
        if self._file is not None:
            self._file.write(f"{line}\n")

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

    def __exit__(self, *_: object) -> None:
        self.close()
