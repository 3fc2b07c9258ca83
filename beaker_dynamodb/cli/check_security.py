"""The checks of `doctor` that compare the options with what an attacker could do."""

from __future__ import annotations

from collections.abc import Iterator

from beaker_dynamodb.cli.checks import OK, WARNING, Result
from beaker_dynamodb.cli.settings import CACHE, SESSIONS, Settings
from beaker_dynamodb.config.parse import Options


def check_serializer(settings: Settings) -> Result:
    """Check whether someone who can write to the table can run code, or forge sessions."""
    name, options = "serializer", settings.options
    if not options.item_keys:
        text = "anyone who can write to the table can run code in the application, through pickle"
        remedy = "set session.secret and use this package's middleware, or set signing_keys"
        if settings.purpose == CACHE:
            remedy = "set signing_keys; session.secret does not sign caches"
        return Result(name, WARNING, text, f"{remedy} (docs/howto/rotate-keys.md)")
    if options.accept_unsigned is True:
        text = "items without a signature are accepted, so signatures do not protect"
        return Result(name, WARNING, text, "remove accept_unsigned when all servers sign")
    if options.accept_unsigned == "plain" and settings.purpose == SESSIONS:
        text = "with this package's middleware, unsigned sessions are read as plain data only"
        remedy = (
            "they can still be forged: set accept_unsigned = false, one session.timeout after all "
            "servers sign"
        )
        return Result(name, OK, text, remedy)
    return Result(name, OK, "unsigned items are not read")


def check_cookie(options: Options) -> Iterator[Result]:
    """Say which signatures of the session cookie are accepted, if there is a secret."""
    name = "cookie"
    if options.secret is None:
        return
    if options.cookie_signature == "beaker":
        text = "signed with HMAC-SHA-1, as Beaker's middleware does"
        remedy = "remove cookie_signature when no server has Beaker's middleware"
        yield Result(name, WARNING, text, remedy)
    elif options.cookie_signature == "sha256":
        text = "signed with HMAC-SHA-256; Beaker's HMAC-SHA-1 is accepted too"
        remedy = "cookie_signature = sha256-only, one session.timeout after the first start"
        yield Result(name, OK, text, remedy)
    else:
        yield Result(name, OK, "signed with HMAC-SHA-256")
    if options.previous_secrets:
        text = "previous_secrets are accepted"
        yield Result("secret", OK, text, "remove them one session.timeout after the last change")
