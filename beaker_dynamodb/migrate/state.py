"""What a migration has done so far, in a file: to go on where it stopped, and to undo no log-out.

Lines of text, only ever added to::

    beaker-dynamodb migrate 1 SHA-256 of source and target
    copied 32-DIGITS-OF-THE-ID'S-SHA-256 ACCESSED
    mark SEGMENT LAST-KEY-AS-JSON
    end

``ACCESSED`` is the session's last use in the old store, in milliseconds since the epoch, or ``-``
where that is not known. A mark holds a key of the old DynamoDB table, and with it, unless
``hash_ids`` was on there, the id of a live session: the file is readable by its owner only.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from beaker_dynamodb.exceptions import ConfigurationError
from beaker_dynamodb.migrate import places

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

HEADER = "beaker-dynamodb migrate 1 "
#: 128 bits of an id's SHA-256 tell sessions apart as well, in half the memory.
DIGEST_DIGITS = 32


class State:
    """The state file of a migration; a context manager, which closes it.

    :param path: of the file, which is made if it is missing; None: nothing is kept.
    :param source: name of the source.
    :param target: name of the target.
    :raises ConfigurationError: it cannot be read or written, or is another migration's.
    """

    def __init__(self, path: Path | None, source: str, target: str) -> None:
        #: Digest of the id: last use in the old store; some 120 bytes of memory for each.
        self._copied: dict[bytes, int | None] = {}
        #: Segment: where to go on in it.
        self.marks: dict[int, Mapping[str, Any] | None] = {}
        self._file = None
        if path is None:
            return
        header = HEADER + places.digest(source, target)
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            # A line at a time: what was done is known even if the process is killed.
            self._file = os.fdopen(descriptor, "r+", encoding="utf-8", newline="\n", buffering=1)
            self._read(self._file, header)
        except (OSError, ValueError, IndexError) as error:
            self.close()
            raise ConfigurationError(f"state file {path}: {error}") from None

    def _read(self, file: TextIO, header: str) -> None:
        end = 0
        for line in iter(file.readline, ""):
            if not line.endswith("\n"):
                break  # half a line: the process was killed
            if end == 0 and line.rstrip("\n") != header:
                raise ValueError("is not of a migration from this source to this target")
            end += len(line.encode())
            self._take(line)
        file.seek(end)
        file.truncate()
        if end == 0:
            self._add(header)

    def _take(self, line: str) -> None:
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
        """Whether an earlier run has copied the session, or found it there.

        :param digest: SHA-256 of the id, hexadecimal.
        """
        return _short(digest) in self._copied

    def is_as_copied(self, digest: str, accessed_ms: int | None) -> bool:
        """Whether the old store knows nothing newer of the session than what was copied."""
        before = self._copied[_short(digest)]
        return before is None or accessed_ms is None or accessed_ms <= before

    def copied(self, digest: str, accessed_ms: int | None) -> None:
        """Remember a session that is in the new store."""
        if self._file is not None:
            self._copied[_short(digest)] = accessed_ms
            shown = "-" if accessed_ms is None else accessed_ms
            self._add(f"copied {digest[:DIGEST_DIGITS]} {shown}")

    def mark(self, segment: int, last_key: Mapping[str, Any] | None) -> None:
        """Remember how far a part of the source was read, and everything in it dealt with."""
        self._add(f"mark {segment} {json.dumps(last_key)}")

    def end(self) -> None:
        """Remember that all was read: the next run begins at the beginning."""
        self._add("end")

    def _add(self, line: str) -> None:
        if self._file is not None:
            self._file.write(f"{line}\n")

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def _short(digest: str) -> bytes:
    return bytes.fromhex(digest[:DIGEST_DIGITS])
