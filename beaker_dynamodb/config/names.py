"""Report unknown option names: misspelled ones as errors, others as warnings."""

from __future__ import annotations

import logging
from collections.abc import Collection
from functools import lru_cache

from beaker_dynamodb.config.beaker_settings import beaker_parameters
from beaker_dynamodb.exceptions import ConfigurationError

log = logging.getLogger("beaker_dynamodb")

#: Names that Beaker, pyramid_beaker and Paste pass to every backend, and options of Beaker's other
#: backends (beaker/container.py, beaker/ext), which may remain in a configuration.
IGNORED_OPTIONS = frozenset(
    {
        "auto",
        "bind",
        "constant_csrf_token",
        "cookie_on_exception",
        "data_dir",
        "dbm_dir",
        "dbmmodule",
        "digest_filenames",
        "enabled",
        "environ_key",
        "expire",
        "file_dir",
        "key_length",
        "lock_dir",
        "log_file",
        "memcache_module",
        "on_save_error",
        "password",
        "protocol",
        "regions",
        "sa_opts",
        "schema_name",
        "session_class",
        "urls",
        "username",
        "webtest_varname",
    }
)
#: This package's options by the names that other libraries use. These names are errors too.
OTHER_NAMES = {
    "access_key": "aws_access_key_id",
    "aws_access_key": "aws_access_key_id",
    "aws_region": "region_name",
    "aws_secret_key": "aws_secret_access_key",
    "default_ttl": "timeout",
    "endpoint": "endpoint_url",
    "key_prefix": "prefix",
    "partition_key": "hash_key",
    "primary_key": "hash_key",
    "range_key": "sort_key",
    "secret_key": "aws_secret_access_key",
    "ttl": "timeout",
}
#: A misspelling has at most this many wrong letters.
MAX_WRONG_LETTERS = 2
#: The misspelling of an option with fewer letters than this has only one wrong letter.
SHORT_NAME = 5


def check_unknown(name: str, known: Collection[str], *, strict: bool) -> None:
    """Warn once that an unknown option is ignored, unless Beaker may have passed it.

    :param known: all names of this package's options.
    :param strict: the option ``strict_options``.
    :raises ConfigurationError: the name is a misspelled option or one of `OTHER_NAMES`; with
        ``strict``, also for other unknown names.
    """
    # Beaker leaves dotted names in the settings: unlisted regions, sa.* for SQLAlchemy, and keyword
    # arguments of its middleware such as session.type.
    if name in IGNORED_OPTIONS or "." in name:
        return
    meant = OTHER_NAMES.get(name) or _closest(name, known)
    if meant is not None:
        raise ConfigurationError(f"unknown option {name!r}: did you mean {meant!r}?")
    if strict:
        raise ConfigurationError(f"unknown option {name!r} (strict_options is true)")
    _warn(name)


@lru_cache(maxsize=1024)
def _warn(name: str) -> None:
    import difflib

    close = difflib.get_close_matches(name, beaker_parameters(), n=1, cutoff=0.85)
    hint = f"; did you mean Beaker's {close[0]!r}?" if close else ""
    log.warning("option %r is ignored: beaker_dynamodb has no such option%s", name, hint)


def _closest(name: str, known: Collection[str]) -> str | None:
    for option in known:
        if option.replace("_", "") == name.lower().replace("_", "").replace("-", ""):
            return option  # hashKey, hash-key
    distance, closest = min((_wrong_letters(name.lower(), option), option) for option in known)
    limit = 1 if len(closest) < SHORT_NAME else MAX_WRONG_LETTERS
    return closest if distance <= limit else None


def _wrong_letters(one: str, other: str) -> int:
    """Return the optimal string alignment distance: a swap of two neighbors counts as one."""
    rows = [list(range(len(other) + 1))]
    for i, letter in enumerate(one, start=1):
        row = [i]
        for j, another in enumerate(other, start=1):
            cost = min(row[-1] + 1, rows[-1][j] + 1, rows[-1][j - 1] + (letter != another))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == another:
                cost = min(cost, rows[-2][j - 2] + 1)
            row.append(cost)
        rows.append(row)
    return rows[-1][-1]
