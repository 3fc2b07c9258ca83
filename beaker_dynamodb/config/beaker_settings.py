"""Separate this package's options from the settings that Beaker itself reads."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from beaker.session import Session

from beaker_dynamodb.exceptions import ConfigurationError

SESSIONS, CACHE = "sessions", "cache"
#: Beaker's names for this backend.
TYPES = ("ext:dynamodb", "dynamodb")
#: Settings that Beaker's Session reads and that are also options of this package.
SHARED = frozenset({"secret"})
#: What Beaker's Session adds to a timeout that it passes to a backend (beaker/session.py).
BEAKER_SLACK_SECONDS = 120.0


def beaker_parameters() -> frozenset[str]:
    """Return the names of ``session.*`` settings that only Beaker's Session reads."""
    return frozenset(inspect.signature(Session.__init__).parameters) - SHARED


def split(given: Mapping[str, Any], purpose: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return this package's options and Beaker's settings.

    The sessions' ``timeout`` is in both; the option includes the 120 seconds that Beaker adds.

    :param given: settings without ``session.`` or ``cache.``.
    :param purpose: ``sessions``, ``cache`` or ``cache.REGION``.
    :raises ConfigurationError: ``session.timeout`` is not a number.
    """
    beaker_names = beaker_parameters() if purpose == SESSIONS else {"type"}
    own = {name: value for name, value in given.items() if name not in beaker_names}
    beaker = {name: value for name, value in given.items() if name in beaker_names}
    if purpose == SESSIONS and beaker.get("timeout"):
        try:
            own["timeout"] = float(beaker["timeout"]) + BEAKER_SLACK_SECONDS
        except ValueError:
            raise ConfigurationError(
                f"session.timeout {beaker['timeout']!r}: must be a number"
            ) from None
    return own, beaker


def without_prefix(settings: Mapping[str, Any], prefix: str = "session.") -> dict[str, Any]:
    """Return the settings whose names start with a prefix, without the prefix.

    :param prefix: ``beaker.`` may come before it.
    """
    return {
        name[len(start) :]: value
        for name, value in settings.items()
        for start in (prefix, f"beaker.{prefix}")
        if name.startswith(start)
    }


def session_options(settings: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """Return this package's options in an application's settings, without Beaker's.

    :param prefix: see `without_prefix`.
    :raises ConfigurationError: the sessions are not in DynamoDB.
    """
    given = without_prefix(settings, prefix)
    if given.get("type", TYPES[0]) not in TYPES:
        raise ConfigurationError(f"{prefix}type is {given['type']!r}, not ext:dynamodb")
    # Leave out Beaker's timeout too: no session is saved with these options.
    beaker_names = beaker_parameters()
    return {name: value for name, value in given.items() if name not in beaker_names}
