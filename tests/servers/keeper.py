"""Runs a command, and kills it when the process that started this one ends.

``python keeper.py COMMAND ARGUMENT...`` with a pipe as stdin. The pipe ends when the starter
closes it or is killed, even by kill -9. Works on every POSIX system; a parent-death signal exists
on Linux only, and needs code between fork and exec, which is unsafe with threads.
"""

from __future__ import annotations

import os
import subprocess
import sys
from threading import Thread


def main(command: list[str]) -> None:
    """Run the command until stdin ends. If it ends first, exit with its exit code."""
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    # os._exit, because sys.exit would wait for the main thread, which blocks in read().
    Thread(target=lambda: os._exit(child.wait()), daemon=True).start()
    sys.stdin.buffer.read()
    child.kill()
    child.wait()


if __name__ == "__main__":
    main(sys.argv[1:])
