"""The checks of `doctor` that compare the options with what an attacker could do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from beaker_dynamodb.cli.check_cookies import check_cookies
from beaker_dynamodb.cli.checks import ERROR, OK, WARNING, Result
from beaker_dynamodb.cli.settings import CACHE, SESSIONS, Settings
from beaker_dynamodb.config.functions import import_function
from beaker_dynamodb.config.parse import Options
from beaker_dynamodb.dynamodb.indexes import find, index_name
from beaker_dynamodb.exceptions import ConfigurationError


def check_security(settings: Settings, described: Mapping[str, Any]) -> Iterator[Result]:
    """Check what the settings protect.

    :param described: the table's description; empty if it is not known.
    """
    if settings.purpose == SESSIONS:
        yield from check_cookies(settings)
    yield check_signed(settings)
    if settings.options.item_keys:
        yield check_unsigned(settings)
    if settings.purpose != SESSIONS:
        return
    yield check_ids(settings.options)
    if settings.from_ini:
        yield check_idle_timeout(settings)
        yield check_absolute_timeout(settings.options)
    yield check_users(settings.options, described)
    yield check_events(settings.options)


def check_signed(settings: Settings) -> Result:
    """Check whether items are signed."""
    name, asvs, options = "items signed", ("1.5.2", "11.4.1"), settings.options
    if options.item_keys:
        keys = "signing_keys" if options.signing_keys else "keys derived from session.secret"
        return Result(name, OK, f"HMAC-SHA-256, with {keys}", asvs=asvs)
    text = "anyone who can write to the table can run code in the application, through pickle"
    remedy = "set session.secret and use this package's middleware, or set signing_keys"
    if settings.purpose == CACHE:
        remedy = "set signing_keys; session.secret does not sign caches"
    return Result(name, WARNING, text, f"{remedy} (docs/howto/rotate-keys.md)", asvs)


def check_unsigned(settings: Settings) -> Result:
    """Check which items without a signature are read where items are signed."""
    name, asvs, accepted = "unsigned items", ("1.5.2",), settings.options.accept_unsigned
    if accepted is True:
        text = "are read, so signatures do not protect"
        return Result(name, WARNING, text, "remove accept_unsigned when all servers sign", asvs)
    if accepted == "plain" and settings.purpose == SESSIONS:
        text = "with this package's middleware, they are read as plain data only"
        remedy = (
            "they can still be forged: set accept_unsigned = false, one session.timeout after all "
            "servers sign"
        )
        return Result(name, OK, text, remedy, asvs)
    return Result(name, OK, "are not read", asvs=asvs)


def check_ids(options: Options) -> Result:
    """Check whether someone who reads the table can take sessions over."""
    name, asvs = "ids in the table", ("14.2.4",)
    if options.hash_ids == "migrate":
        text = "hashed, except those of sessions that were not used since"
        remedy = "set hash_ids = true when they have expired"
        return Result(name, OK, text, remedy, asvs)
    if options.hash_ids:
        return Result(name, OK, "hashed", asvs=asvs)
    if options.secret is not None:
        return Result(name, OK, "open nothing without the cookie's signature", asvs=asvs)
    remedy = "set session.secret, or hash_ids = true"
    return Result(name, OK, "open their sessions, for anyone who can read the table", remedy, asvs)


def check_idle_timeout(settings: Settings) -> Result:
    """Check whether a session that is not used ends."""
    name, asvs = "idle timeout", ("7.3.1",)
    timeout = float(settings.beaker.get("timeout") or 0)
    if timeout:
        return Result(name, OK, f"{timeout:g} seconds", asvs=asvs)
    text = "session.timeout is not set: a session ends a day after its last write"
    return Result(name, WARNING, text, "set session.timeout, for example to 1800", asvs)


def check_absolute_timeout(options: Options) -> Result:
    """Check whether a session that is used ends."""
    name, asvs = "absolute timeout", ("7.3.2",)
    if options.absolute_timeout is not None:
        text = f"{options.absolute_timeout:g} seconds after the last log-in, or the creation"
        return Result(name, OK, text, asvs=asvs)
    text = "absolute_timeout is not set: a session that is used never ends"
    return Result(name, WARNING, text, "set it, for example to 28800", asvs)


def check_users(options: Options, described: Mapping[str, Any]) -> Result:
    """Check whether log-ins are registered with their user, and limited."""
    name, asvs = "user sessions", ("7.1.2", "7.4.2")
    if options.user_key is None:
        text = "no limit; a revoke may miss a log-in of the last second"
        remedy = "if users log in, set user_key (docs/howto/log-out-everywhere.md)"
        return Result(name, OK, text, remedy, asvs)
    index = index_name(options.user_key)
    if described and find(described, index) is None:
        text = f"the index {index} of user_key is missing, so a revoke fails"
        return Result(name, ERROR, text, "beaker-dynamodb create-table adds it", asvs)
    limit = f"at most {options.max_sessions}" if options.max_sessions else "no limit"
    return Result(name, OK, f"{limit} for each {options.user_key}; a revoke misses none", asvs=asvs)


def check_events(options: Options) -> Result:
    """Say where events of sessions are recorded."""
    name, asvs = "events", ("16.3.3",)
    if options.on_event is not None:
        try:
            import_function("on_event", options.on_event)
        except ConfigurationError as error:
            text, _, remedy = str(error).rpartition(". ")
            return Result(name, WARNING, text, remedy, asvs)
        return Result(name, OK, "on_event is called, and they are logged", asvs=asvs)
    remedy = "set on_event to record them (docs/howto/session-events.md)"
    return Result(name, OK, "logged by beaker_dynamodb.events, at level INFO", remedy, asvs)
