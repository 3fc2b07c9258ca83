"""Turn a configuration into `Options`: resolve aliases and the URL, convert the values."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import fields
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from beaker_dynamodb.config.declare import shown_value
from beaker_dynamodb.config.names import check_unknown
from beaker_dynamodb.config.options import Options
from beaker_dynamodb.exceptions import ConfigurationError

log = logging.getLogger("beaker_dynamodb")

#: Default timeouts of commands, which may wait longer than web requests.
COMMAND_TIMEOUTS = {"read_timeout": 60.0, "max_attempts": 5, "total_timeout": 300.0}

_FIELDS = {spec.name: spec for spec in fields(Options)}
_CANONICAL = {
    alias: spec.name
    for spec in _FIELDS.values()
    for alias in (spec.name, *spec.metadata["aliases"])
}


def parse(given: Mapping[str, Any]) -> Options:
    """Parse options by name, without ``session.`` or ``cache.``.

    :param given: strings from an INI file, or Python values. None and an empty string mean "not
        set"; an empty prefix means no prefix.
    :raises ConfigurationError: a misspelled name, a wrong value, an empty ``secret`` or
        ``signing_keys``, an invalid ``url``, or two names of one option with different values.
    """
    return Options(**{name: _convert(name, value) for name, value in by_name(given).items()})


def by_name(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the given options by canonical name, including those in a URL, without parsing values.

    :raises ConfigurationError: as in `parse`, except for wrong values.
    """
    named, unknown = _by_canonical_name(given.items(), live=True)
    url = named.pop("url", None)
    if url is not None:
        in_url, unknown_in_url = _url_options(str(url))
        if "table_name" in in_url:
            _warn_about_other_table(str(named.get("table_name", "")).strip(), in_url["table_name"])
        named = {**in_url, **named}
        unknown += unknown_in_url
    strict = bool(unknown) and _convert("strict_options", named.get("strict_options", False))
    for name in unknown:
        check_unknown(name, _CANONICAL, strict=strict)
    return named


@lru_cache(maxsize=256)
def _warn_about_other_table(table: str, other: str) -> None:
    """Warn once if the names differ: ``table`` may be meant for another backend of Beaker's."""
    if table not in ("", other):
        log.warning(
            "table %r is used, not %r as in the option url: the option table_name takes precedence",
            table,
            other,
        )


def _by_canonical_name(
    given: Iterable[tuple[str, Any]], *, live: bool
) -> tuple[dict[str, Any], list[str]]:
    """Return the options that are set, and the unknown names; ``live`` allows Python objects."""
    named: dict[str, Any] = {}
    unknown = []
    for name, value in given:
        canonical = _CANONICAL.get(name)
        if value is None or (isinstance(value, str) and not value and canonical != "prefix"):
            if value is not None and canonical in ("secret", "signing_keys"):
                raise ConfigurationError(
                    f"option {canonical} is empty, perhaps because of an unset environment "
                    "variable; to sign nothing, remove the option"
                )
            continue
        if canonical is None:
            unknown.append(name)
            continue
        if not live and _FIELDS[canonical].metadata["live"]:
            raise ConfigurationError(f"option {name} is a Python object; a URL cannot hold it")
        if canonical in named and named[canonical] != value:
            raise ConfigurationError(f"option {canonical} is set twice, to different values")
        named[canonical] = value
    return named, unknown


def _convert(name: str, value: Any) -> Any:
    spec = _FIELDS[name]
    try:
        return spec.metadata["convert"](value)
    except (ValueError, TypeError) as error:
        given = "" if spec.metadata["secret"] else f" {shown_value(spec, value)}"
        raise ConfigurationError(f"option {name}{given}: {error}") from None


def _url_options(url: str) -> tuple[dict[str, Any], list[str]]:
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
    named, unknown = _by_canonical_name(
        [("region_name", host), ("table_name", table), *query], live=False
    )
    if "url" in named:
        raise ConfigurationError("option url: cannot contain another url")
    return named, unknown
