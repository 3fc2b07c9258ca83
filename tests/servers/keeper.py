"""Run a command for exactly as long as the process that started this one lives.

``python keeper.py COMMAND ARGUMENT...`` with a pipe as standard input: the pipe ends when the
starter closes it or dies in whatever way, kill -9 included, and the command is killed then. This
works on every POSIX system, whereas a parent-death signal is Linux's, and asking for one needs
code between fork and exec, which is not safe in a process that has threads.
"""

from __future__ import annotations

import os
import subprocess
import sys
from threading import Thread


def main(command: list[str]) -> None:
    """Run the command until standard input ends; if it ends before, end with its exit code.

    :param command: program and arguments.
    """
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    # os._exit, because the main thread is stuck in read() and would hold sys.exit() up.
    Thread(target=lambda: os._exit(child.wait()), daemon=True).start()
    sys.stdin.buffer.read()
    child.kill()
    child.wait()


if __name__ == "__main__":
    main(sys.argv[1:])
