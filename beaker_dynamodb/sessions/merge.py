"""Compare two states of a session, and merge the changes of two requests.

The functions work on dicts decoded from stored bytes, never on the application's objects. That is
how they notice a change inside a nested list. The exception is `surely_differs`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from beaker_dynamodb.sessions.comparison import SCALARS, same
from beaker_dynamodb.sessions.merge_values import MISSING, merge_value, names_inside

#: Beaker's last access time. Every request changes it, so it does not count as a change of data.
ACCESSED = "_accessed_time"
CREATED = "_creation_time"
#: When the user last logged in, if known: epoch seconds, like Beaker's own times.
LOGGED_IN = "_login_time"
#: The keys that may remain in a session that was deleted or cleared.
BOOKKEEPING = frozenset({"_cookie_scope", "_domain", "_path"})
#: Beaker's own keys, and this package's ``_cookie_scope`` and log-in time.
BEAKER_KEYS = BOOKKEEPING | {ACCESSED, CREATED, LOGGED_IN}


def differs(base: Mapping[str, Any], mine: Mapping[str, Any]) -> bool:
    """Return whether anything but the last access time was changed, added or removed."""
    if base.keys() - {ACCESSED} != mine.keys() - {ACCESSED}:
        return True
    pairs = [(base[key], value) for key, value in mine.items() if key != ACCESSED]
    # Scalars first: they are fast to compare, and change most often.
    pairs.sort(key=lambda pair: type(pair[1]) not in SCALARS)
    return not all(same(a, b) for a, b in pairs)


def surely_differs(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Return whether `differs` is certain to be true after pickling; False means "unknown".

    Much faster, because nothing is decoded. It takes the application's objects, but compares only
    scalars, which cannot be changed in place.

    :param before: the session as it was loaded or saved last. It must have an access time, as must
        ``after``.
    """
    if before.keys() != after.keys():
        return True
    for key, value in after.items():
        old = before[key]
        if value is old or type(value) not in SCALARS or key in BEAKER_KEYS:
            continue
        if type(old) is not type(value) or old != value:
            return True
    return False


def merge(
    base: Mapping[str, Any],
    mine: Mapping[str, Any],
    theirs: Mapping[str, Any],
    special_keys: Collection[str] = (),
    *,
    rebased: bool = False,
) -> dict[str, Any]:
    """Apply what changed between ``base`` and ``mine`` to ``theirs``, key by key.

    `merge_value` merges keys that both requests changed. The later access time and the later log-in
    are kept, and the earlier creation time if both requests created the session.

    :param base: the state that this request loaded or saved last.
    :param mine: the state to save.
    :param theirs: the state stored now.
    :param special_keys: names of the special keys; ``user.id`` is the key ``id`` in ``user``.
    :param rebased: whether ``theirs`` already contains an earlier save of this request, merged
        with another request's changes.
    """
    merged = {}
    for key in dict.fromkeys([*theirs, *mine]):
        value = merge_value(
            base.get(key, MISSING),
            mine.get(key, MISSING),
            theirs.get(key, MISSING),
            names_inside(key, special_keys),
            rebased=rebased,
        )
        if value is not MISSING:
            merged[key] = value
    for key, choose in ((ACCESSED, max), (LOGGED_IN, max), (CREATED, min)):
        if key == CREATED and CREATED in base:
            # A save after clear() sets it to the start of the absolute timeout, which may be later.
            continue
        times = [side[key] for side in (mine, theirs) if isinstance(side.get(key), (int, float))]
        if key in merged and times:
            merged[key] = choose(times)
    return merged
