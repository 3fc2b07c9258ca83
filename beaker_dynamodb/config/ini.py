"""Read the settings of sessions or a cache from an INI file, as Paste and Pyramid do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from configparser import ConfigParser
from configparser import Error as IniError
from pathlib import Path
from typing import Any

from beaker_dynamodb.config.beaker_settings import SESSIONS, TYPES
from beaker_dynamodb.exceptions import ConfigurationError

#: This package's Paste filter. In its section, the default of `session.type` is ext:dynamodb.
PASTE_FILTER = "egg:beaker-dynamodb#session"


def read_ini(path: str, section: str | None = None, purpose: str = SESSIONS) -> dict[str, Any]:
    """Return a section's settings, by name without the prefix (such as ``beaker.session.``).

    ``%(here)s`` and ``[DEFAULT]`` work as in Paste.

    :param section: name of a section, with any type of store; default: the section that uses
        DynamoDB.
    :param purpose: ``sessions``, ``cache`` or ``cache.REGION``.
    :raises ConfigurationError: the file cannot be read, the section does not exist, or without
        ``section``, no section uses DynamoDB or several do with different settings.
    """
    parser = _parser(path)
    names = parser.sections() or ["DEFAULT"]
    if section is not None:
        if section not in names:
            raise ConfigurationError(f"{path} has no section [{section}]; it has {_listed(names)}")
        return _settings(parser, path, section, purpose)
    settings = {name: _settings(parser, path, name, purpose) for name in names}
    matching = {name: given for name, given in settings.items() if given.get("type") in TYPES}
    if not matching:
        key = "session.type" if purpose == SESSIONS else f"{purpose}.type"
        raise ConfigurationError(
            f"{path}: no section has {key} = ext:dynamodb; name one with --section (migrate: "
            "--to-section)"
        )
    first, *others = matching.values()
    # Sections may be equal, for instance if [DEFAULT] has all settings.
    if any(given != first for given in others):
        raise ConfigurationError(
            f"{path}: several sections have different settings; choose one with --section "
            f"(migrate: --to-section): {_listed(matching)}"
        )
    return first


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
            # Do not read other settings: logging formats, for example, use % for other purposes.
            short = name.removeprefix("beaker.")
            if short.startswith(prefix):
                given[short.removeprefix(prefix)] = parser.get(section, name).strip()
        if purpose == SESSIONS and parser.get(section, "use", fallback=None) == PASTE_FILTER:
            given.setdefault("type", "ext:dynamodb")
    except IniError as error:
        raise ConfigurationError(f"{path} [{section}]: {error}") from None
    return given if purpose == SESSIONS else _cache_settings(given, purpose.partition(".")[2])


def _cache_settings(given: Mapping[str, Any], region: str) -> dict[str, Any]:
    """Return the settings of a region ({} if unknown), or of the cache if ``region`` is ""."""
    regions = [name.strip() for name in given.get("regions", "").split(",") if name.strip()]
    if not region:
        prefixes = tuple(f"{name}." for name in regions)
        return {name: value for name, value in given.items() if not name.startswith(prefixes)}
    if region not in regions:
        return {}
    # Beaker passes type and expire on to regions; pyramid_beaker also passes the url.
    inherited = {name: given[name] for name in ("type", "expire", "url") if name in given}
    prefix = f"{region}."
    own = {name[len(prefix) :]: given[name] for name in given if name.startswith(prefix)}
    return {**inherited, **own}


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"[{name}]" for name in names)
