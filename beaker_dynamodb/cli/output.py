"""What happens if the reader of stdout goes away, as with ``| head``."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def stopping_with_the_reader() -> Iterator[None]:
    """End a command that only prints, successfully, once nothing reads its output."""
    try:
        yield
        sys.stdout.flush()
    except (BrokenPipeError, SystemExit) as error:
        # rich raises SystemExit itself.
        if BrokenPipeError not in (type(error), type(error.__context__)):
            raise
        _discard_output()


@contextmanager
def ignoring_a_closed_reader() -> Iterator[None]:
    """Discard output when the reader has gone, so that the command finishes its changes."""
    stdout = sys.stdout
    sys.stdout = _Forgiving(stdout)
    try:
        yield
        sys.stdout.flush()
    finally:
        sys.stdout = stdout


class _Forgiving:
    """A text stream that ignores that its reader is gone."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        try:
            self._stream.write(text)
        except BrokenPipeError:
            _discard_output()
        return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except BrokenPipeError:
            _discard_output()


def _discard_output() -> None:
    """Write to nowhere from now on, also when the interpreter flushes its buffer at exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
