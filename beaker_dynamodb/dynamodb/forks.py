"""What a process has to forget once it is a fork: clients, locks, threads are the parent's.

Python tells of its own forks. uWSGI forks in C, where Python is not asked (unless it runs with
``--py-call-osafterfork``), so every call to DynamoDB looks at the process id as well.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

_resets: list[Callable[[], None]] = []
_process_id = os.getpid()
# One for each process: the parent's may have been held at the moment of the fork.
_turns = {_process_id: threading.Lock()}


def after_fork(reset: Callable[[], None]) -> None:
    """Call ``reset`` in a process that turns out to be a fork, before it does anything else."""
    _resets.append(reset)


def notice() -> None:
    """Notice that this process is a fork, if it is one and nobody has said so: one system call."""
    global _process_id
    if (process_id := os.getpid()) == _process_id:
        return
    with _turns.setdefault(process_id, threading.Lock()):
        if process_id != _process_id:
            for reset in _resets:
                reset()
            _process_id = process_id


os.register_at_fork(after_in_child=notice)
