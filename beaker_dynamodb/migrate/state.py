"""The state file of `migrate` and `reap`: what earlier runs have done, and where to resume.

Lines are only ever appended::

    beaker-dynamodb state 2 SHA-256 of source and target
    copied FIRST-32-DIGITS-OF-THE-ID'S-SHA-256 ACCESSED
    mark SEGMENT LAST-KEY-AS-JSON
    end

``ACCESSED`` is the session's last access in the old store, in milliseconds since the epoch, or
``-`` if it is unknown. A mark holds a key of the DynamoDB table that is read. Without ``hash_ids``,
that key contains the id of a live session, so only the file's owner may read it.
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
#: 128 bits of the SHA-256 are enough, and need half the memory.
DIGEST_DIGITS = 32


class State(AbstractContextManager["State", None]):
    """State file; a context manager that closes it.

    :param path: created if it does not exist. None stores nothing.
    :param source: name of the source, or ``reap``.
    :param target: location of the table.
    :raises ConfigurationError: the file cannot be used, or belongs to another run.
    """

    def __init__(self, path: Path | None, source: str, target: str) -> None:
        #: Last access in the old store by digest; about 120 bytes of memory per session.
        self._copied: dict[bytes, int | None] = {}
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
            self._read_line(line)
        file.seek(end)
        file.truncate()
        if end == 0:
            self._append(header)

    def _read_line(self, line: str) -> None:
        word, _, rest = line.rstrip("\n").partition(" ")
        if word == "copied":
            digest, accessed = rest.split()
            self._copied[bytes.fromhex(digest)] = None if accessed == "-" else int(accessed)
        elif word == "mark":
            segment, _, last_key = rest.partition(" ")
            self.marks[int(segment)] = json.loads(last_key)
        elif word == "end":
            self.marks.clear()

    def has(self, digest: str) -> bool:
        """Return whether an earlier run has copied the session or found it in the new store.

        :param digest: hexadecimal SHA-256 of the id.
        """
        return _short(digest) in self._copied

    def is_current(self, digest: str, accessed_ms: int | None) -> bool:
        """Return whether a session that `has` was not accessed in the old store since."""
        before = self._copied[_short(digest)]
        return before is None or accessed_ms is None or accessed_ms <= before

    def copied(self, digest: str, accessed_ms: int | None) -> None:
        """Record that a session is in the new store."""
        if self._file is not None:
            self._copied[_short(digest)] = accessed_ms
            shown = "-" if accessed_ms is None else accessed_ms
            self._append(f"copied {digest[:DIGEST_DIGITS]} {shown}")

    def mark(self, segment: int, last_key: Mapping[str, Any] | None) -> None:
        """Record that everything in a segment up to this key is done."""
        self._append(f"mark {segment} {json.dumps(last_key)}")

    def end(self) -> None:
        """Record that the run is complete, so that the next one starts from the beginning."""
        self._append("end")

    def _append(self, line: str) -> None:
        if self._file is not None:
            self._file.write(f"{line}\n")

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

    def __exit__(self, *_: object) -> None:
        self.close()


def _short(digest: str) -> bytes:
    return bytes.fromhex(digest[:DIGEST_DIGITS])
