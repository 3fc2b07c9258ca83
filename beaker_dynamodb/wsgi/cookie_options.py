"""Safe defaults for the attributes of the session cookie, and checks of their combination."""

from __future__ import annotations

import logging
from collections.abc import Mapping, MutableMapping
from typing import TYPE_CHECKING, Any

from beaker_dynamodb.config import converters
from beaker_dynamodb.exceptions import ConfigurationError

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

log = logging.getLogger("beaker_dynamodb")

#: Browsers drop a cookie whose name begins with one of these, in upper or lower case, unless it is
#: Secure (RFC 6265bis, section 4.1.3). With the first, it also needs the path / and no domain.
HOST_PREFIX, SECURE_PREFIX = "__host-", "__secure-"


def set_safe_defaults(options: MutableMapping[str, Any]) -> None:
    """Set Beaker's options ``httponly`` and ``secure``, and check the cookie's options.

    ``secure`` stays None if it depends on the request.

    :param options: session options, without ``session.``.
    :raises ConfigurationError: an option is invalid, or browsers would drop the cookie.
    """
    http_only, secure = (flag(options, name) for name in ("httponly", "secure"))
    options["httponly"] = True if http_only is None else http_only
    prefixed = _key(options).startswith((HOST_PREFIX, SECURE_PREFIX))
    if secure is None and (prefixed or _same_site_none(options)):
        # Otherwise browsers drop the cookie.
        secure = True
    options["secure"] = secure
    check_prefix(options)


def flag(options: Mapping[str, Any], name: str) -> bool | None:
    """Return an option as a bool, or None if it is not set.

    :raises ConfigurationError: it is neither true nor false.
    """
    value = options.get(name)
    try:
        return None if value is None else converters.boolean(value)
    except ValueError as error:
        raise ConfigurationError(f"option session.{name} {value!r}: {error}") from None


def _same_site_none(options: Mapping[str, Any]) -> bool:
    return str(options.get("samesite") or "").lower() == "none"


def check_prefix(options: Mapping[str, Any]) -> None:
    """Check that the options allow the prefix of the cookie's name.

    :raises ConfigurationError: browsers would drop the cookie.
    """
    key = _key(options)
    wrong = []
    if key.startswith((HOST_PREFIX, SECURE_PREFIX)) and not options["secure"]:
        wrong.append("secure = true")
    if key.startswith(HOST_PREFIX):
        if options.get("cookie_domain"):
            wrong.append("no session.cookie_domain")
        if (options.get("cookie_path") or "/") != "/":
            wrong.append("cookie_path = /")
    if wrong:
        raise ConfigurationError(
            f"option session.key {options['key']!r}: browsers drop a cookie with this prefix "
            f"unless it has {', '.join(wrong)}. Correct that, or choose a key without the prefix"
        )


def _key(options: Mapping[str, Any]) -> str:
    return str(options.get("key") or "").lower()


def warn_about_dropped_cookies(options: Mapping[str, Any]) -> None:
    """Warn about a cookie that browsers drop.

    :param options: session options after `set_safe_defaults`.
    """
    if _same_site_none(options) and not options["secure"]:
        log.warning(
            "session.samesite = None with session.secure = false: browsers drop a cookie with "
            "SameSite=None that is not Secure, so no log-in lasts. Remove session.secure."
        )


def over_https(environ: WSGIEnvironment) -> bool:
    """Return whether the browser sent a request over HTTPS.

    A forged ``X-Forwarded-Proto`` only makes its sender's own cookie Secure.
    """
    # With several proxies, the first value is that of the browser's connection.
    forwarded: str = environ.get("HTTP_X_FORWARDED_PROTO", "").partition(",")[0]
    return "https" in (environ.get("wsgi.url_scheme"), forwarded.strip().lower())
