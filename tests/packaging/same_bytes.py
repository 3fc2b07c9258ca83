"""Compare two builds: ``python same_bytes.py DIST DIST``."""

from __future__ import annotations

import sys
from pathlib import Path


def contents(folder: str) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


if __name__ == "__main__":
    one, other = map(contents, sys.argv[1:])
    assert one.keys() == other.keys(), (sorted(one), sorted(other))
    different = [name for name in one if one[name] != other[name]]
    assert not different, f"two builds differ: {different}"
    print(f"the same bytes in two builds: {', '.join(sorted(one))}")
