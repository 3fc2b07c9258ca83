"""The checks of `doctor` that compare the options with what an attacker could do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from beaker_dynamodb.cli.check_cookies import check_cookies
from beaker_dynamodb.cli.checks import ERROR, OK, WARNING, Found, Result, check
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
    yield _signed(settings)
    if settings.options.item_keys:
        yield _unsigned(settings)
    if settings.purpose != SESSIONS:
        return
    yield _ids(settings.options)
    if settings.from_ini:
        yield _idle_timeout(settings)
        yield _absolute_timeout(settings.options)
    yield _users(settings.options, described)
    yield _events(settings.options)


@check("items signed", "1.5.2", "11.4.1")
def _signed(settings: Settings) -> Found:
    if settings.options.item_keys:
        derived = not settings.options.signing_keys
        keys = "keys derived from session.secret" if derived else "signing_keys"
        return OK, f"HMAC-SHA-256, with {keys}"
    text = "anyone who can write to the table can run code in the application, through pickle"
    remedy = "set session.secret and use this package's middleware, or set signing_keys"
    if settings.purpose == CACHE:
        remedy = "set signing_keys; session.secret does not sign caches"
    return WARNING, text, f"{remedy} (docs/howto/rotate-keys.md)"


@check("unsigned items", "1.5.2")
def _unsigned(settings: Settings) -> Found:
    accepted = settings.options.accept_unsigned
    if accepted is True:
        text = "are read, so signatures do not protect"
        return WARNING, text, "remove accept_unsigned when all servers sign"
    if accepted == "plain" and settings.purpose == SESSIONS:
        text = "with this package's middleware, they are read as plain data only"
        remedy = (
            "they can still be forged: set accept_unsigned = false, one session.timeout after all "
            "servers sign"
        )
        return OK, text, remedy
    return OK, "are not read"


@check("ids in the table", "14.2.4")
def _ids(options: Options) -> Found:
    if options.hash_ids == "migrate":
        text = "hashed, except those of sessions that were not used since"
        return OK, text, "set hash_ids = true when they have expired"
    if options.hash_ids:
        return OK, "hashed"
    if options.secret is not None:
        return OK, "open nothing without the cookie's signature"
    text = "open their sessions, for anyone who can read the table"
    return OK, text, "set session.secret, or hash_ids = true"


@check("idle timeout", "7.3.1")
def _idle_timeout(settings: Settings) -> Found:
    timeout = float(settings.beaker.get("timeout") or 0)
    if timeout:
        return OK, f"{timeout:g} seconds"
    text = "session.timeout is not set: a session ends a day after its last write"
    return WARNING, text, "set session.timeout, for example to 1800"


@check("absolute timeout", "7.3.2")
def _absolute_timeout(options: Options) -> Found:
    if options.absolute_timeout is not None:
        return OK, f"{options.absolute_timeout:g} seconds after the last log-in, or the creation"
    text = "absolute_timeout is not set: a session that is used never ends"
    return WARNING, text, "set it, for example to 28800"


@check("user sessions", "7.1.2", "7.4.2")
def _users(options: Options, described: Mapping[str, Any]) -> Found:
    if options.user_key is None:
        text = "no limit; a revoke may miss a log-in of the last second"
        return OK, text, "if users log in, set user_key (docs/howto/log-out-everywhere.md)"
    index = index_name(options.user_key)
    if described and find(described, index) is None:
        text = f"the index {index} of user_key is missing, so a revoke fails"
        return ERROR, text, "beaker-dynamodb create-table adds it"
    limit = f"at most {options.max_sessions}" if options.max_sessions else "no limit"
    return OK, f"{limit} for each {options.user_key}; a revoke misses none"


@check("events", "16.3.3")
def _events(options: Options) -> Found:
    if options.on_event is None:
        text = "logged by beaker_dynamodb.events, at level INFO"
        return OK, text, "set on_event to record them (docs/howto/session-events.md)"
    try:
        import_function("on_event", options.on_event)
    except ConfigurationError as error:
        text, _, remedy = str(error).rpartition(". ")
        return WARNING, text, remedy
    return OK, "on_event is called, and they are logged"
