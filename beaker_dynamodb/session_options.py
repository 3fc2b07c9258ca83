"""Complete and check Beaker's session options, for the middleware and for Pyramid."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import beaker.session
from beaker.cache import clsmap
from beaker.util import coerce_session_params

from beaker_dynamodb.backend import backend_for
from beaker_dynamodb.config import converters
from beaker_dynamodb.config.beaker_settings import SESSIONS, TYPES, split
from beaker_dynamodb.config.functions import import_function
from beaker_dynamodb.exceptions import ConfigurationError
from beaker_dynamodb.namespace import DynamoDBNamespaceManager
from beaker_dynamodb.session import DynamoDBSession
from beaker_dynamodb.session_item import in_dynamodb
from beaker_dynamodb.wsgi import save_errors
from beaker_dynamodb.wsgi.cookie_options import flag, set_safe_defaults, warn_about_dropped_cookies
from beaker_dynamodb.wsgi.cookie_signature import CookieSignatures, cookie_signatures
from beaker_dynamodb.wsgi.session_cookie import CHECKED, SessionWithCookie

log = logging.getLogger("beaker_dynamodb")

#: A shorter secret can be guessed. 16 random bytes are 128 bits.
MIN_SECRET_BYTES = 16
#: A shell command that prints a random secret.
SECRET_COMMAND = 'python -c "import secrets; print(secrets.token_urlsafe(32))"'
#: Beaker's secrets. An empty one would turn off signing or encryption.
_SECRETS = frozenset({"secret", "validate_key", "encrypt_key"})
#: Options for which empty does not mean "not set": no prefix, or an error (config/parse.py).
_MAY_BE_EMPTY = frozenset({"prefix", "signing_keys"})


def without_empty(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the session settings without empty strings that mean "not set" (`_MAY_BE_EMPTY`).

    :param settings: names with or without ``session.`` or ``beaker.session.``.
    :raises ConfigurationError: a secret is empty.
    """
    kept = {}
    for key, value in settings.items():
        name = key.removeprefix("beaker.").removeprefix("session.")
        if isinstance(value, str) and not value.strip() and name not in _MAY_BE_EMPTY:
            if name in _SECRETS:
                raise ConfigurationError(
                    f"session.{name} is empty, perhaps because of an unset environment variable; "
                    "set it, or remove the setting"
                )
            continue
        kept[key] = value
    return kept


def check_beaker_options(options: Mapping[str, Any]) -> None:
    """Check the values of Beaker's own options, for which Beaker raises plain exceptions.

    :param options: session options, without ``session.``.
    :raises ConfigurationError: a value is invalid.
    """
    # First one by one, because Beaker's messages do not always name the option. No secret is shown:
    # Beaker takes any value for one.
    for name, value in options.items():
        try:
            coerce_session_params({name: value})
        except Exception as error:
            raise ConfigurationError(f"option session.{name} {value!r}: {error}") from None
    try:
        coerce_session_params(dict(options))
    except Exception as error:
        raise ConfigurationError(str(error)) from None


def complete(options: dict[str, Any]) -> save_errors.SaveErrorHandler:
    """Complete and check Beaker's session options, and remove ``on_save_error`` from them.

    Does no I/O.

    :returns: the handler for ``on_save_error``.
    :raises ConfigurationError: the type is unknown, an option is wrong, or ``session_class``
        requires a different ``type``.
    """
    options["type"] = options.get("type") or TYPES[0]
    if options["type"] in TYPES and options.get("namespace_class") is None:
        # Otherwise Beaker looks for the type in the metadata of all installed packages.
        options["namespace_class"] = DynamoDBNamespaceManager
    _check_type(options)
    if "invalidate_corrupt" in options:
        # Beaker does not convert it, and treats the string "false" from an INI file as true.
        options["invalidate_corrupt"] = flag(options, "invalidate_corrupt")
    serializer = options.get("data_serializer", "pickle")
    if isinstance(serializer, str) and serializer not in ("json", "pickle"):
        raise ConfigurationError(
            f"option session.data_serializer {serializer!r}: must be json or pickle, or an object "
            "with loads and dumps"
        )
    # Ignore a string: an INI file cannot hold a class, and Beaker refuses a string.
    chosen = options.get("session_class")
    if not isinstance(chosen, type):
        options["session_class"] = session_class(options)
    elif issubclass(chosen, DynamoDBSession) and not in_dynamodb(options):
        raise ConfigurationError(
            f"session_class {chosen.__name__} stores sessions in DynamoDB, but session.type is "
            f"{options['type']!r}: set type = ext:dynamodb, or remove session_class"
        )
    if in_dynamodb(options):
        on_event = backend_for(split(options, SESSIONS)[0]).options.on_event
        if on_event is not None:
            import_function("on_event", on_event)
    set_safe_defaults(options)
    warn_about_dropped_cookies(options)
    signatures = _checked_signatures(options)
    if options["session_class"] in (DynamoDBSession, SessionWithCookie):
        # A subclass may change the options, so it does not get the parsed signatures.
        options[CHECKED] = signatures
    return save_errors.parse(options.pop("on_save_error", None))


def _check_type(options: Mapping[str, Any]) -> None:
    kind = options["type"]
    if options.get("namespace_class") is not None or kind == "cookie":
        return
    try:
        clsmap[kind]
    except KeyError:
        known = sorted({*clsmap._clsmap, "cookie"})
        raise ConfigurationError(
            f"session.type {kind!r} does not exist; the types are {', '.join(known)}"
        ) from None


def session_class(options: Mapping[str, Any]) -> type:
    """Return the session class for the options ``type`` and ``namespace_class``."""
    if in_dynamodb(options):
        return DynamoDBSession
    if options["type"] == "cookie":
        cookie_session: type = beaker.session.CookieSession
        return cookie_session
    return SessionWithCookie


def _checked_signatures(options: Mapping[str, Any]) -> CookieSignatures:
    """Return the cookie signatures, and warn about short secrets."""
    secret, previous = options.get("secret"), options.get("previous_secrets")
    signatures = cookie_signatures(secret, previous, options.get("cookie_signature"))
    if previous and not secret:
        raise ConfigurationError(
            "session.previous_secrets is set without session.secret, so nothing is signed: set "
            "session.secret too"
        )
    secrets = [secret, *converters.secrets(previous or ())] if secret else []
    if any(len(each.encode()) < MIN_SECRET_BYTES for each in secrets):
        log.warning(
            "session.secret or one of session.previous_secrets has fewer than %d bytes and can be "
            "guessed. Set a longer one, such as the output of: %s",
            MIN_SECRET_BYTES,
            SECRET_COMMAND,
        )
    return signatures
