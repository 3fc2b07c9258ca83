"""The checks of `doctor` on the session cookie, as this package's middleware issues it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from beaker.util import coerce_session_params

from beaker_dynamodb.cli.checks import ERROR, OK, WARNING, Found, Result, check
from beaker_dynamodb.cli.settings import Settings
from beaker_dynamodb.config.parse import Options
from beaker_dynamodb.exceptions import ConfigurationError
from beaker_dynamodb.session_options import MIN_SECRET_BYTES, SECRET_COMMAND, without_empty
from beaker_dynamodb.wsgi.cookie_options import HOST_PREFIX, SECURE_PREFIX, set_safe_defaults
from beaker_dynamodb.wsgi.session_cookie import BEAKER_KEY


def check_cookies(settings: Settings) -> Iterator[Result]:
    """Check flags and name of the cookie, if they are known, and how it is signed."""
    # Flags of the command cannot set Beaker's own options.
    if settings.from_ini:
        cookie = without_empty(settings.beaker)
        try:
            coerce_session_params(dict(cookie))
        except Exception as error:  # Beaker raises no other class
            text = f"the application does not start: {error}"
            yield Result("Beaker's settings", ERROR, text, "correct the value")
        yield _flags(cookie)
        yield _name(cookie)
    if settings.options.secret is not None:
        yield _secrets([settings.options.secret, *settings.options.previous_secrets])
        yield _signature(settings.options)


@check("cookie flags", "3.3.1", "3.3.2", "3.3.4")
def _flags(given: Mapping[str, Any]) -> Found:
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
    # Browsers treat an unknown value as a missing one, each in its own way.
    if same_site.lower() not in ("lax", "strict"):
        weak.append("samesite")
    if not weak:
        return OK, text
    return WARNING, text, f"remove {' and '.join(f'session.{option}' for option in weak)}"


@check("cookie name", "3.3.1", "3.3.3")
def _name(cookie: Mapping[str, Any]) -> Found:
    key, domain = str(cookie.get("key", BEAKER_KEY)), cookie.get("cookie_domain")
    text = repr(key) + (f", shared with all hosts of {domain}" if domain else "")
    # Browsers accept the first prefix without a domain only.
    prefix = SECURE_PREFIX if domain else HOST_PREFIX
    if key.lower().startswith(prefix):
        return OK, text
    wanted = "__Secure-sid" if domain else "__Host-sid"
    remedy = f"session.key = {wanted}, if you serve HTTPS only; this logs every user out once"
    return WARNING, f"{text}; plain HTTP or another host of the domain can replace it", remedy


@check("secret", "11.2.3")
def _secrets(secrets: list[str]) -> Found:
    if any(len(secret.encode()) < MIN_SECRET_BYTES for secret in secrets):
        text = f"fewer than {MIN_SECRET_BYTES} bytes can be guessed"
        return WARNING, text, f"{SECRET_COMMAND} prints a good one"
    text = f"at least {MIN_SECRET_BYTES} bytes"
    if len(secrets) == 1:
        return OK, text
    remedy = "remove previous_secrets one session.timeout after the last change"
    return OK, f"{text}; previous_secrets are accepted too", remedy


@check("cookie signature", "11.4.1")
def _signature(options: Options) -> Found:
    if options.cookie_signature == "beaker":
        text = "HMAC-SHA-1, as Beaker's middleware signs"
        return WARNING, text, "remove cookie_signature when no server has Beaker's middleware"
    if options.cookie_signature == "sha256-only":
        return OK, "HMAC-SHA-256"
    text = "HMAC-SHA-256; Beaker's HMAC-SHA-1 is accepted too"
    return OK, text, "cookie_signature = sha256-only, one session.timeout after the first start"
