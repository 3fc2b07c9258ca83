"""Handle a closed stdout, as with ``| head``."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def stopping_with_stdout() -> Iterator[None]:
    """End a read-only command successfully when its stdout is closed."""
    try:
        yield
        sys.stdout.flush()
    except (BrokenPipeError, SystemExit) as error:
        # rich turns a BrokenPipeError into SystemExit.
        if BrokenPipeError not in (type(error), type(error.__context__)):
            raise
        _discard_output()


@contextmanager
def ignoring_closed_stdout() -> Iterator[None]:
    """Discard output after stdout is closed, so that the command finishes its changes."""
    stdout = sys.stdout
    sys.stdout = _IgnoresBrokenPipe(stdout)
    try:
        yield
        sys.stdout.flush()
    finally:
        sys.stdout = stdout


class _IgnoresBrokenPipe:
    """A text stream that ignores broken pipes."""

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
    """Redirect stdout to the null device, also for the interpreter's flush at exit."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.close(null)
