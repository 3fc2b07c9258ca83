"""The part of the option table that is about secrets and signatures."""

from __future__ import annotations

from dataclasses import dataclass

from beaker_dynamodb.config import converters
from beaker_dynamodb.config.declare import option


@dataclass(frozen=True, kw_only=True, repr=False)
class SecurityOptions:
    """How cookies and items are signed."""

    secret: str | None = option(
        converters.secret,
        "Beaker's `session.secret`, at least 16 random bytes. With this package's middleware it "
        "signs the session cookie; a request without a signed cookie costs no read.",
        default_text="none",
        secret=True,
    )
    previous_secrets: tuple[str, ...] = option(
        converters.secrets,
        "Other secrets whose signatures are accepted, separated by commas, or a list. With them, "
        "`secret` can be replaced without logging anyone out.",
        default=(),
        default_text="none",
        secret=True,
    )
    cookie_signature: str = option(
        converters.choice("sha256", "sha256-only", "beaker"),
        "How session cookies are signed. `sha256`: with HMAC-SHA-256; a cookie that Beaker has "
        "signed is accepted, and replaced at the session's next write. `sha256-only`: Beaker's "
        "cookies are refused. `beaker`: with HMAC-SHA-1 as Beaker does, while servers with "
        "Beaker's own middleware receive the same cookie; both are accepted.",
        default="sha256",
    )
    signing_keys: tuple[bytes, ...] = option(
        converters.signing_keys,
        "Secrets of at least 16 bytes, separated by commas, or a tuple. Items are signed with the "
        "first. An item without a valid signature raises PayloadError and is never unpickled.",
        default=(),
        default_text="none",
        secret=True,
    )
    signing_keys_accept_unsigned: bool = option(
        converters.boolean,
        "Also read unsigned items, while `signing_keys` is being introduced.",
        default=False,
    )
