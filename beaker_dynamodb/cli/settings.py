"""Which table an operator means: an INI file's settings, as Beaker would read them, and flags."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from beaker_dynamodb.config.beaker_settings import CACHE, SESSIONS, split
from beaker_dynamodb.config.ini import read_ini
from beaker_dynamodb.config.parse import Options, by_name, parse
from beaker_dynamodb.exceptions import ConfigurationError
from beaker_dynamodb.items.keys import Keys

__all__ = ["CACHE", "SESSIONS", "Settings", "load"]


@dataclass(frozen=True)
class Settings:
    """What a command works with.

    :param options: the options, flags and all.
    :param given: the same by name, as they were given.
    :param purpose: `sessions` or `cache`.
    :param source: where they are from, for people.
    :param beaker: what else the INI file says of these sessions or this cache, to Beaker itself:
        ``type``, ``data_serializer``, ``encrypt_key`` …
    """

    options: Options
    given: Mapping[str, Any] = field(default_factory=dict, repr=False)
    purpose: str = SESSIONS
    source: str = "flags"
    beaker: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def prefix(self) -> str:
        """What the keys of these sessions, or of this cache's entries, begin with."""
        return Keys(self.options).beginnings[self.purpose == CACHE]

    @property
    def existing(self) -> Options:
        """The options for a command that looks at a table and must not make one."""
        return replace(self.options, create_table=False)


def load(
    flags: Mapping[str, Any],
    *,
    ini: str | None = None,
    section: str | None = None,
    purpose: str = SESSIONS,
) -> Settings:
    """Read the settings of flags and an INI file; flags win, also over a url in the file.

    :param flags: option names and texts; None is "not given".
    :param ini: path of a file as Paste and Pyramid read it.
    :param section: its section; None: the one that keeps sessions, or caches, in DynamoDB.
    :param purpose: ``sessions``, ``cache`` or ``cache.REGION``.
    :raises ConfigurationError: the file cannot be read, the section is not found or not the only
        one, an option does not fit.
    """
    if ini is None:
        if section is not None:
            raise ConfigurationError("--section is one of an INI file: give --ini as well")
        given = by_name(flags)
        return Settings(parse(given), given, purpose.partition(".")[0])
    section, found = read_ini(ini, section, purpose)
    own, beaker = split(found, purpose)
    given = {**by_name(own), **by_name(flags)}
    return Settings(
        parse(given),
        given,
        purpose.partition(".")[0],
        f"{ini} [{section}]",
        beaker,
    )
