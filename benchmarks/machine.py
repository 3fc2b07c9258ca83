"""Describes the machine and the run that a result comes from."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

#: Packages whose versions every result contains.
PACKAGES = ("beaker-dynamodb", "Beaker", "boto3", "botocore")


@contextmanager
def described(command: str) -> Iterator[dict[str, Any]]:
    """Yield the description of a run; its duration and the load are added at its end.

    :param command: the command line.
    """
    begun = time.monotonic()
    about: dict[str, Any] = {
        "command": command,
        "begun": datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "system": platform.platform(terse=True),
        "processor": processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "load_before": os.getloadavg()[0],
        "versions": {name: version(name) for name in PACKAGES},
    }
    yield about
    about["load_after"] = os.getloadavg()[0]
    about["minutes"] = (time.monotonic() - begun) / 60


def processor() -> str:
    """Return the processor's name on Linux."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def text(about: dict[str, Any], left_out: dict[str, str]) -> str:
    """Return the description as a Markdown list.

    :param left_out: why candidates did not run, by title.
    """
    versions = ", ".join(f"{name} {number}" for name, number in about["versions"].items())
    lines = [
        f"`{about['command']}`, {about['begun']}, {about['minutes']:.0f} minutes; "
        f"{about['processor']}, {about['cores']} cores, {about['system']}, "
        f"Python {about['python']}.",
        f"Load average before and after: {about['load_before']:.1f} and {about['load_after']:.1f}.",
        f"Versions: {versions}.",
        *(f"Left out: {title}: {reason}." for title, reason in left_out.items()),
    ]
    return "\n".join(f"- {line}" for line in lines)
