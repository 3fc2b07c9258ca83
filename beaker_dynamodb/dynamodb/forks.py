"""State that belongs to one process: clients, locks and threads must not survive a fork.

Python calls a hook after its own forks. uWSGI forks in C, which Python does not notice (unless
uWSGI runs with ``--py-call-osafterfork``), so the process id is checked on use as well.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

_resets: list[Callable[[], None]] = []
_process_id = os.getpid()
# One lock per process, because the parent's may have been held during the fork.
_locks = {_process_id: threading.Lock()}


class PerProcess(Generic[T]):
    """A value that each forked process creates again: ``clients = PerProcess(dict)``.

    Create it at module level; it is never released.
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._reset()
        after_fork(self._reset)

    def __call__(self) -> T:
        """Return this process's value."""
        check_process()
        return self._value

    def _reset(self) -> None:
        self._value = self._make()


def after_fork(reset: Callable[[], None]) -> None:
    """Call ``reset`` in each forked process before it uses any `PerProcess`."""
    _resets.append(reset)


def check_process() -> None:
    """Run the resets if this process was forked and has not run them yet. Costs one system call."""
    global _process_id
    if (process_id := os.getpid()) == _process_id:
        return
    with _locks.setdefault(process_id, threading.Lock()):
        if process_id != _process_id:
            for reset in _resets:
                reset()
            _process_id = process_id


os.register_at_fork(after_in_child=check_process)
