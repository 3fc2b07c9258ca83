"""The `doctor` checks of security: what an attacker could do with these settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from beaker_dynamodb.cli.checks import ERROR, OK, WARNING, Found, Result, check
from beaker_dynamodb.cli.settings import CACHE, SESSIONS, Settings
from beaker_dynamodb.config.functions import import_function
from beaker_dynamodb.config.options import Options
from beaker_dynamodb.dynamodb.indexes import find, index_name
from beaker_dynamodb.exceptions import ConfigurationError
from beaker_dynamodb.session_options import (
    MIN_SECRET_BYTES,
    SECRET_COMMAND,
    check_beaker_options,
    without_empty,
)
from beaker_dynamodb.wsgi.cookie_options import HOST_PREFIX, SECURE_PREFIX, set_safe_defaults
from beaker_dynamodb.wsgi.session_cookie import BEAKER_KEY


def check_security(settings: Settings, described: Mapping[str, Any]) -> Iterator[Result]:
    """Check how the settings protect sessions and caches.

    :param described: the table's description; empty if it is unknown.
    """
    if settings.purpose == SESSIONS:
        yield from _cookie(settings)
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


def _cookie(settings: Settings) -> Iterator[Result]:
    # The command's flags cannot set Beaker's own options.
    if settings.from_ini:
        cookie = without_empty(settings.beaker)
        try:
            check_beaker_options(cookie)
        except ConfigurationError as error:
            text = f"the application does not start: {error}"
            yield Result("Beaker's settings", ERROR, text, "correct the value")
        yield _cookie_flags(cookie)
        yield _cookie_name(cookie)
    if settings.options.secret is not None:
        yield _secret_length([settings.options.secret, *settings.options.previous_secrets])
        yield _cookie_signature(settings.options)


@check("cookie flags", "3.3.1", "3.3.2", "3.3.4")
def _cookie_flags(given: Mapping[str, Any]) -> Found:
    cookie = dict(given)
    try:
        set_safe_defaults(cookie)
    except ConfigurationError as error:
        text, _, remedy = str(error).partition(". ")
        return ERROR, text, remedy
    same_site = str(cookie.get("samesite", "Lax"))
    secure = {True: "Secure", False: "not Secure", None: "Secure over HTTPS"}[cookie["secure"]]
    http_only = "HttpOnly" if cookie["httponly"] else "not HttpOnly"
    text = f"{http_only}, {secure}, SameSite={same_site}"
    weak = [option for option in ("httponly", "secure") if cookie[option] is False]
    # Browsers treat an unknown value as missing, and their defaults differ.
    if same_site.lower() not in ("lax", "strict"):
        weak.append("samesite")
    if not weak:
        return OK, text
    return WARNING, text, f"remove {' and '.join(f'session.{option}' for option in weak)}"


@check("cookie name", "3.3.1", "3.3.3")
def _cookie_name(cookie: Mapping[str, Any]) -> Found:
    key, domain = str(cookie.get("key", BEAKER_KEY)), cookie.get("cookie_domain")
    text = repr(key) + (f", shared with all hosts of {domain}" if domain else "")
    # Browsers accept __Host- only without a domain.
    prefix = SECURE_PREFIX if domain else HOST_PREFIX
    if key.lower().startswith(prefix):
        return OK, text
    wanted = "__Secure-sid" if domain else "__Host-sid"
    remedy = f"session.key = {wanted}, if you serve HTTPS only; this logs every user out once"
    return WARNING, f"{text}; plain HTTP or another host of the domain can replace it", remedy


@check("secret", "11.2.3")
def _secret_length(secrets: list[str]) -> Found:
    if any(len(secret.encode()) < MIN_SECRET_BYTES for secret in secrets):
        text = f"fewer than {MIN_SECRET_BYTES} bytes can be guessed"
        return WARNING, text, f"{SECRET_COMMAND} prints a good one"
    text = f"at least {MIN_SECRET_BYTES} bytes"
    if len(secrets) == 1:
        return OK, text
    remedy = "remove previous_secrets one session.timeout after the last change"
    return OK, f"{text}; previous_secrets are accepted too", remedy


@check("cookie signature", "11.4.1")
def _cookie_signature(options: Options) -> Found:
    if options.cookie_signature == "beaker":
        text = "HMAC-SHA-1, as Beaker's middleware signs"
        return WARNING, text, "remove cookie_signature when no server has Beaker's middleware"
    if options.cookie_signature == "sha256-only":
        return OK, "HMAC-SHA-256"
    text = "HMAC-SHA-256; Beaker's HMAC-SHA-1 is accepted too"
    return OK, text, "cookie_signature = sha256-only, one session.timeout after the first start"


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
        text = "are read, so signatures do not protect you"
        return WARNING, text, "remove accept_unsigned when all servers sign"
    if accepted == "plain" and settings.purpose == SESSIONS:
        text = "with this package's middleware, they are read only if their data is plain"
        remedy = (
            "they can still be forged: set accept_unsigned = false, one session.timeout after all "
            "servers sign"
        )
        return OK, text, remedy
    return OK, "are not read"


@check("ids in the table", "14.2.4")
def _ids(options: Options) -> Found:
    if options.hash_ids == "migrate":
        text = "hashed, except those of sessions not used since hash_ids was set"
        return OK, text, "set hash_ids = true when they have expired"
    if options.hash_ids:
        return OK, "hashed"
    if options.secret is not None:
        return OK, "useless without the cookie's signature"
    text = "let anyone who can read the table open the sessions"
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
        return OK, f"{options.absolute_timeout:g} seconds after the last log-in, or creation"
    text = "absolute_timeout is not set: a session that stays in use never ends"
    return WARNING, text, "set it, for example to 28800"


@check("user sessions", "7.1.2", "7.4.2")
def _users(options: Options, described: Mapping[str, Any]) -> Found:
    if options.user_key is None:
        text = "no limit; a revoke may miss a log-in in the last second"
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
