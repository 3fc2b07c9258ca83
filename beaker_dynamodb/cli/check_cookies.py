"""The checks of `doctor` on the session cookie, as this package's middleware issues it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from beaker.util import coerce_session_params

from beaker_dynamodb.cli.checks import ERROR, OK, WARNING, Result
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
        yield from check_values(cookie)
        yield check_flags(cookie)
        yield check_name(cookie)
    if settings.options.secret is not None:
        yield check_secret(settings.options)
        yield check_signature(settings.options)


def check_values(given: Mapping[str, Any]) -> Iterator[Result]:
    """Check whether the application starts with Beaker's session options; say nothing if so."""
    try:
        coerce_session_params(dict(given))
    except Exception as error:  # Beaker raises no other class
        text = f"the application does not start: {error}"
        yield Result("Beaker's settings", ERROR, text, "correct the value")


def check_flags(given: Mapping[str, Any]) -> Result:
    """Check ``HttpOnly``, ``Secure`` and ``SameSite``.

    :param given: Beaker's session options.
    """
    name, asvs = "cookie flags", ("3.3.1", "3.3.2", "3.3.4")
    cookie = dict(given)
    try:
        set_safe_defaults(cookie)
    except ConfigurationError as error:
        text, _, remedy = str(error).partition(". ")
        return Result(name, ERROR, text, remedy, asvs)
    same_site = str(cookie.get("samesite", "Lax"))
    secure = {True: "Secure", False: "not Secure", None: "Secure over HTTPS"}[cookie["secure"]]
    http_only = "HttpOnly" if cookie["httponly"] else "not HttpOnly"
    text = f"{http_only}, {secure}, SameSite={same_site}"
    weak = [option for option in ("httponly", "secure") if cookie[option] is False]
    # Browsers treat an unknown value as a missing one, each in its own way.
    if same_site.lower() not in ("lax", "strict"):
        weak.append("samesite")
    if not weak:
        return Result(name, OK, text, asvs=asvs)
    remedy = f"remove {' and '.join(f'session.{option}' for option in weak)}"
    return Result(name, WARNING, text, remedy, asvs)


def check_name(given: Mapping[str, Any]) -> Result:
    """Check the prefix of the cookie's name, and its domain.

    :param given: Beaker's session options.
    """
    name, asvs = "cookie name", ("3.3.1", "3.3.3")
    key, domain = str(given.get("key", BEAKER_KEY)), given.get("cookie_domain")
    text = repr(key) + (f", shared with all hosts of {domain}" if domain else "")
    # Browsers accept the first prefix without a domain only.
    prefix = SECURE_PREFIX if domain else HOST_PREFIX
    if key.lower().startswith(prefix):
        return Result(name, OK, text, asvs=asvs)
    wanted = "__Secure-sid" if domain else "__Host-sid"
    remedy = f"session.key = {wanted}, if you serve HTTPS only; this logs every user out once"
    text = f"{text}; plain HTTP or another host of the domain can replace it"
    return Result(name, WARNING, text, remedy, asvs)


def check_secret(options: Options) -> Result:
    """Check the length of ``session.secret`` and ``session.previous_secrets``."""
    name, asvs = "secret", ("11.2.3",)
    secrets = [options.secret or "", *options.previous_secrets]
    if any(len(secret.encode()) < MIN_SECRET_BYTES for secret in secrets):
        text = f"fewer than {MIN_SECRET_BYTES} bytes can be guessed"
        remedy = f"{SECRET_COMMAND} prints a good one"
        return Result(name, WARNING, text, remedy, asvs)
    text = f"at least {MIN_SECRET_BYTES} bytes"
    if not options.previous_secrets:
        return Result(name, OK, text, asvs=asvs)
    remedy = "remove previous_secrets one session.timeout after the last change"
    return Result(name, OK, f"{text}; previous_secrets are accepted too", remedy, asvs)


def check_signature(options: Options) -> Result:
    """Say which signatures of the cookie are issued and accepted."""
    name, asvs = "cookie signature", ("11.4.1",)
    if options.cookie_signature == "beaker":
        text = "HMAC-SHA-1, as Beaker's middleware signs"
        remedy = "remove cookie_signature when no server has Beaker's middleware"
        return Result(name, WARNING, text, remedy, asvs)
    if options.cookie_signature == "sha256-only":
        return Result(name, OK, "HMAC-SHA-256", asvs=asvs)
    text = "HMAC-SHA-256; Beaker's HMAC-SHA-1 is accepted too"
    remedy = "cookie_signature = sha256-only, one session.timeout after the first start"
    return Result(name, OK, text, remedy, asvs)
