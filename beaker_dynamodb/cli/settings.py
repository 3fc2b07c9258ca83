"""Read the settings of a subcommand from flags and the application's INI file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from beaker_dynamodb.config.beaker_settings import CACHE, SESSIONS, split
from beaker_dynamodb.config.ini import read_ini
from beaker_dynamodb.config.options import Options
from beaker_dynamodb.config.parse import COMMAND_TIMEOUTS, by_name, parse
from beaker_dynamodb.exceptions import ConfigurationError
from beaker_dynamodb.items.keys import Keys

__all__ = ["CACHE", "SESSIONS", "Settings", "load"]


@dataclass(frozen=True)
class Settings:
    """The options of one table, for sessions or for a cache.

    :param purpose: `SESSIONS` or `CACHE`.
    :param beaker: settings of the INI file that Beaker itself reads: ``type``,
        ``data_serializer``, ``encrypt_key`` …
    :param from_ini: whether the settings come from an application's INI file.
    """

    options: Options
    purpose: str = SESSIONS
    beaker: Mapping[str, Any] = field(default_factory=dict, repr=False)
    from_ini: bool = False

    @property
    def prefix(self) -> str:
        """The key prefix of the sessions, or of the cache entries."""
        return Keys(self.options).prefixes[self.purpose == CACHE]

    def existing(self, **changes: Any) -> Options:
        """Return the options with these changes, and ``create_table`` off: never create a table."""
        return replace(self.options, create_table=False, **changes)


def load(
    flags: Mapping[str, Any],
    *,
    ini: str | None = None,
    section: str | None = None,
    purpose: str = SESSIONS,
) -> Settings:
    """Read the settings. Flags take precedence over the file, including a ``url`` in it.

    :param flags: option names and values; None means "not given".
    :param ini: path of an INI file.
    :param section: its section; default: the only one with sessions, or caches, in DynamoDB.
    :param purpose: ``sessions``, ``cache`` or ``cache.REGION``.
    :raises ConfigurationError: the file cannot be read, the section is missing or ambiguous, or an
        option is invalid.
    """
    kind = purpose.partition(".")[0]
    flags = by_name(flags)
    if ini is None:
        if section is not None:
            raise ConfigurationError("--section names a section of an INI file: pass --ini as well")
        return Settings(parse({**COMMAND_TIMEOUTS, **flags}), kind)
    own, beaker = split(read_ini(ini, section, purpose), purpose)
    options = parse({**COMMAND_TIMEOUTS, **by_name(own), **flags})
    return Settings(options, kind, beaker, from_ini=True)
