"""What a configuration says, as `Options`: names, aliases, the url form, clear refusals."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from beaker_dynamodb.config.options import Options, option_rows, shown
from beaker_dynamodb.exceptions import ConfigurationError

__all__ = ["LET_BY", "Options", "by_name", "option_rows", "parse"]

#: Names that Beaker, pyramid_beaker and Paste hand to every backend and that mean nothing here.
LET_BY = frozenset(
    {
        "auto",
        "constant_csrf_token",
        "cookie_on_exception",
        "data_dir",
        "digest_filenames",
        "enabled",
        "environ_key",
        "expire",
        "key_length",
        "lock_dir",
        "log_file",
        "on_save_error",
        "regions",
        "session_class",
        "webtest_varname",
    }
)
#: Beaker's middleware also hands over its keyword arguments under their dotted names.
LET_BY_PREFIXES = ("session.", "cache.", "beaker.")

_FIELDS = {spec.name: spec for spec in fields(Options)}
_CANONICAL = {
    alias: spec.name
    for spec in _FIELDS.values()
    for alias in (spec.name, *spec.metadata["aliases"])
}


def parse(given: Mapping[str, Any]) -> Options:
    """Make `Options` of what a configuration says.

    :param given: option names (without ``session.`` or ``cache.``) and their values, texts of an
        INI file or Python values. None means "not set", and so does an empty text, except as a
        prefix.
    :raises ConfigurationError: an unknown name (the closest known one is named), a value that
        does not fit, or two names of one option that disagree.
    """
    return Options(**{name: _cast(name, value) for name, value in by_name(given).items()})


def by_name(given: Mapping[str, Any]) -> dict[str, Any]:
    """Give what a configuration says by the options' own names, those in its url among them.

    :raises ConfigurationError: as `parse`, but values are not looked at.
    """
    named = _by_canonical_name(given.items(), live=True)
    url = named.pop("url", None)
    return named if url is None else {**_url_options(str(url)), **named}


def _by_canonical_name(given: Iterable[tuple[str, Any]], *, live: bool) -> dict[str, Any]:
    named: dict[str, Any] = {}
    for name, value in given:
        canonical = _CANONICAL.get(name)
        if canonical is None:
            if name in LET_BY or name.startswith(LET_BY_PREFIXES):
                continue
            raise ConfigurationError(_unknown(name))
        if value is None or (isinstance(value, str) and not value and canonical != "prefix"):
            continue
        if not live and _FIELDS[canonical].metadata["live"]:
            raise ConfigurationError(f"option {name} is a Python object; a url cannot hold it")
        if canonical in named and named[canonical] != value:
            raise ConfigurationError(f"option {canonical} is set twice, to different values")
        named[canonical] = value
    return named


def _unknown(name: str) -> str:
    close = difflib.get_close_matches(name, _CANONICAL, n=1, cutoff=0.6)
    hint = f"did you mean {close[0]!r}?" if close else "known are " + ", ".join(sorted(_FIELDS))
    return f"unknown option {name!r}: {hint}"


def _cast(name: str, value: Any) -> Any:
    spec = _FIELDS[name]
    try:
        return spec.metadata["caster"](value)
    except (ValueError, TypeError) as error:
        given = "" if spec.metadata["secret"] else f" {shown(name, value)}"
        raise ConfigurationError(f"option {name}{given}: {error}") from None


def _url_options(url: str) -> dict[str, Any]:
    """Read ``dynamodb://REGION/TABLE?option=value&…``."""
    try:
        parts = urlsplit(url)
        host, table = parts.hostname or "", unquote(parts.path).strip("/")
        query = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    except ValueError:
        raise ConfigurationError("option url: cannot be read as a url") from None
    if parts.scheme != "dynamodb" or "@" in parts.netloc or parts.fragment or ":" in parts.netloc:
        raise ConfigurationError(
            "option url: has the form dynamodb://REGION/TABLE?option=value&…, where the Region "
            "may be empty and credentials are the options aws_access_key_id and so on"
        )
    named = _by_canonical_name(
        [("region_name", host), ("table_name", table), *query],
        live=False,
    )
    if "url" in named:
        raise ConfigurationError("option url: cannot hold another url")
    return named
