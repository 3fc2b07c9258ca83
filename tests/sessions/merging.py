"""What the tests of merging values share."""

from __future__ import annotations

import pickle
from typing import Any

from beaker_dynamodb.sessions.merge_values import MISSING, merge_value

#: A key that no request changes. Without it, the dict may count as replaced.
ANCHOR = "anchor"


def merged(base: Any, mine: Any, theirs: Any, *special: str, rebased: bool = False) -> Any:
    """Merge copies of the three values, as decoded sessions share no objects."""
    base, mine, theirs = (
        value if value is MISSING else pickle.loads(pickle.dumps(value))
        for value in (base, mine, theirs)
    )
    return merge_value(base, mine, theirs, special, rebased=rebased)
