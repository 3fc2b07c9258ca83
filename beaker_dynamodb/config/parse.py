"""Turn a configuration into `Options`: names, aliases, the URL form, clear errors."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from beaker_dynamodb.config.declare import shown_value
from beaker_dynamodb.config.options import Options
from beaker_dynamodb.exceptions import ConfigurationError

__all__ = ["IGNORED_OPTIONS", "Options", "by_name", "parse"]

#: Names that Beaker, pyramid_beaker and Paste pass to every backend; they mean nothing here.
IGNORED_OPTIONS = frozenset(
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
#: Beaker's middleware also passes its keyword arguments under their dotted names.
IGNORED_PREFIXES = ("session.", "cache.", "beaker.")

_FIELDS = {spec.name: spec for spec in fields(Options)}
_CANONICAL = {
    alias: spec.name
    for spec in _FIELDS.values()
    for alias in (spec.name, *spec.metadata["aliases"])
}


def parse(given: Mapping[str, Any]) -> Options:
    """Parse option names (without ``session.`` or ``cache.``) and their values.

    :param given: strings from an INI file, or Python values. None and an empty string mean "not
        set"; an empty prefix is a prefix.
    :raises ConfigurationError: an unknown name, a wrong value, or two names of one option with
        different values.
    """
    return Options(**{name: _convert(name, value) for name, value in by_name(given).items()})


def by_name(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the given options by canonical name, including those in a URL, without parsing values.

    :raises ConfigurationError: as `parse`, except for values.
    """
    named = _by_canonical_name(given.items(), live=True)
    url = named.pop("url", None)
    return named if url is None else {**_url_options(str(url)), **named}


def _by_canonical_name(given: Iterable[tuple[str, Any]], *, live: bool) -> dict[str, Any]:
    named: dict[str, Any] = {}
    for name, value in given:
        canonical = _CANONICAL.get(name)
        if canonical is None:
            if name in IGNORED_OPTIONS or name.startswith(IGNORED_PREFIXES):
                continue
            raise ConfigurationError(_unknown(name))
        if value is None or (isinstance(value, str) and not value and canonical != "prefix"):
            continue
        if not live and _FIELDS[canonical].metadata["live"]:
            raise ConfigurationError(f"option {name} is a Python object; a URL cannot hold it")
        if canonical in named and named[canonical] != value:
            raise ConfigurationError(f"option {canonical} is set twice, to different values")
        named[canonical] = value
    return named


def _unknown(name: str) -> str:
    close = difflib.get_close_matches(name, _CANONICAL, n=1, cutoff=0.6)
    hint = f"did you mean {close[0]!r}?" if close else "known are " + ", ".join(sorted(_FIELDS))
    return f"unknown option {name!r}: {hint}"


def _convert(name: str, value: Any) -> Any:
    spec = _FIELDS[name]
    try:
        return spec.metadata["convert"](value)
    except (ValueError, TypeError) as error:
        given = "" if spec.metadata["secret"] else f" {shown_value(spec, value)}"
        raise ConfigurationError(f"option {name}{given}: {error}") from None


def _url_options(url: str) -> dict[str, Any]:
    """Read ``dynamodb://REGION/TABLE?option=value&…``."""
    try:
        parts = urlsplit(url)
        host, table = parts.hostname or "", unquote(parts.path).strip("/")
        query = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    except ValueError:
        raise ConfigurationError("option url: cannot be parsed as a URL") from None
    if parts.scheme != "dynamodb" or "@" in parts.netloc or parts.fragment or ":" in parts.netloc:
        raise ConfigurationError(
            "option url: must have the form dynamodb://REGION/TABLE?option=value&…; the Region may "
            "be empty, and credentials are options such as aws_access_key_id"
        )
    named = _by_canonical_name(
        [("region_name", host), ("table_name", table), *query],
        live=False,
    )
    if "url" in named:
        raise ConfigurationError("option url: cannot contain another url")
    return named
