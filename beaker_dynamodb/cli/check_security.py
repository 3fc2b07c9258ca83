"""The checks of `doctor` that compare the options with what an attacker could do."""

from __future__ import annotations

from collections.abc import Iterator

from beaker_dynamodb.cli.checks import OK, WARNING, Result
from beaker_dynamodb.config.parse import Options


def check_serializer(options: Options) -> Result:
    """Check whether unsigned pickles are accepted."""
    name = "serializer"
    remedy = "set signing_keys (docs/howto/rotate-keys.md)"
    if not options.signing_keys:
        text = "anyone who can write to the table can run code in the application, through pickle"
        return Result(name, WARNING, text, remedy)
    if options.signing_keys_accept_unsigned:
        text = "items without a signature are accepted, so signing_keys does not protect"
        remedy = "remove signing_keys_accept_unsigned when all servers sign"
        return Result(name, WARNING, text, remedy)
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
