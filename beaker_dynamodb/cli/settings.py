"""Which table an operator means: an INI file's settings, as Beaker would read them, and flags."""

from __future__ import annotations

from collections.abc import Mapping
from configparser import ConfigParser
from configparser import Error as IniError
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from beaker_dynamodb.config.parse import Options, by_name, parse
from beaker_dynamodb.exceptions import ConfigurationError
from beaker_dynamodb.items.keys import Keys

SESSIONS, CACHE = "sessions", "cache"
#: Beaker's names of this backend.
TYPES = frozenset({"ext:dynamodb", "dynamodb"})
#: A Paste filter whose sessions are in DynamoDB without a word about their type.
OUR_FILTER = "egg:beaker-dynamodb#session"


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


def read_ini(
    path: str, section: str | None = None, purpose: str = SESSIONS
) -> tuple[str, dict[str, Any]]:
    """Read what an INI file says of the sessions or the cache: the section's name, and settings.

    The settings have their prefix (``session.``, ``beaker.cache.`` …) taken off. ``%(here)s`` and
    the values of ``[DEFAULT]`` stand for what they do in Paste.

    :param section: None: the one whose sessions or caches are in DynamoDB; any other type of
        store is read where it is named.
    :raises ConfigurationError: see `load`.
    """
    parser = _parser(path)
    names = parser.sections() or ["DEFAULT"]
    if section is not None:
        if section not in names:
            raise ConfigurationError(f"{path} has no section [{section}], but {_listed(names)}")
        return section, _settings(parser, path, section, purpose)
    found = {name: _settings(parser, path, name, purpose) for name in names}
    ours = {name: given for name, given in found.items() if given.get("type") in TYPES}
    if not ours:
        key = "session.type" if purpose == SESSIONS else f"{purpose}.type"
        raise ConfigurationError(
            f"{path}: no section has {key} = ext:dynamodb; name one: --section"
        )
    first = next(iter(ours))
    # Sections that say the same, for instance all of them through [DEFAULT], are one.
    if any(given != ours[first] for given in ours.values()):
        raise ConfigurationError(f"{path}: choose one with --section: {_listed(list(ours))}")
    return first, ours[first]


def split(given: Mapping[str, Any], purpose: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Tell the backend's options from what Beaker itself reads.

    A session's ``timeout`` becomes the option, with the 120 seconds that Beaker adds.
    """
    # Not at the beginning: whoever asks for the help does not wait for it.
    from beaker_dynamodb.sessions.session_store import beaker_parameters

    of_beaker = beaker_parameters() if purpose == SESSIONS else {"type"}
    own = {name: value for name, value in given.items() if name not in of_beaker}
    beaker = {name: value for name, value in given.items() if name in of_beaker}
    if purpose == SESSIONS and beaker.get("timeout"):
        own["timeout"] = _beaker_timeout(beaker["timeout"])
    return own, beaker


def _beaker_timeout(text: Any) -> float:
    from beaker_dynamodb.sessions.storage import BEAKER_SLACK_SECONDS

    try:
        return float(text) + BEAKER_SLACK_SECONDS
    except ValueError:
        raise ConfigurationError(f"session.timeout {text!r}: is not a number") from None


def _parser(path: str) -> ConfigParser:
    file = Path(path)
    here = str(file.resolve().parent)
    parser = ConfigParser(defaults={"here": here, "__file__": str(file.resolve())}, strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # names keep their case
    try:
        parser.read_string(file.read_text(encoding="utf-8"), str(file))
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}") from None
    except (IniError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: {error}") from None
    return parser


def _settings(parser: ConfigParser, path: str, section: str, purpose: str) -> dict[str, Any]:
    prefix = "session." if purpose == SESSIONS else "cache."
    given: dict[str, Any] = {}
    try:
        for name in parser[section]:
            # Only these are read: a logging section is full of % that mean something else.
            for beginning in (f"beaker.{prefix}", prefix):
                if name.startswith(beginning):
                    given[name[len(beginning) :]] = parser.get(section, name).strip()
        if purpose == SESSIONS and parser.get(section, "use", fallback=None) == OUR_FILTER:
            given.setdefault("type", "ext:dynamodb")
    except IniError as error:
        raise ConfigurationError(f"{path} [{section}]: {error}") from None
    return given if purpose == SESSIONS else _cache_settings(given, purpose.partition(".")[2])


def _cache_settings(given: Mapping[str, Any], region: str) -> dict[str, Any]:
    """Give the settings of the cache itself, or of one of its regions."""
    regions = [name.strip() for name in given.get("regions", "").split(",") if name.strip()]
    if not region:
        of_regions = tuple(f"{name}." for name in regions)
        return {name: value for name, value in given.items() if not name.startswith(of_regions)}
    if region not in regions:
        return {}
    # What Beaker hands on to a region, and pyramid_beaker the url as well.
    settings = {name: given[name] for name in ("type", "expire", "url") if name in given}
    own = {
        name[len(region) + 1 :]: value
        for name, value in given.items()
        if name.startswith(f"{region}.")
    }
    return {**settings, **own}


def _listed(names: list[str]) -> str:
    return ", ".join(f"[{name}]" for name in names)
