"""Options for secrets, signatures, users and events."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from beaker_dynamodb.config import converters
from beaker_dynamodb.config.declare import option
from beaker_dynamodb.config.functions import function
from beaker_dynamodb.config.hkdf import purpose_key

#: The purpose of the derived keys that sign items.
ITEM_PURPOSE = "beaker_dynamodb item"


@dataclass(frozen=True, kw_only=True, init=False, eq=False, repr=False)
class SecurityOptions:
    """Base class of `Options` with the options of this module."""

    secret: str | None = option(
        converters.secret,
        "Beaker's `session.secret`, at least 16 random bytes. This package's middleware signs the "
        "session cookie and the sessions' items with keys derived from it.",
        secret=True,
    )
    previous_secrets: tuple[str, ...] = option(
        converters.secrets,
        "Other secrets whose signatures are accepted: a comma-separated string or a list. They let "
        "you replace `secret` without logging anyone out.",
        default=(),
        secret=True,
    )
    cookie_signature: str = option(
        converters.choice("sha256", "sha256-only", "beaker"),
        "How session cookies are signed. `sha256`: with HMAC-SHA-256; a cookie that Beaker "
        "signed is accepted, and replaced at the session's next write. `sha256-only`: Beaker's "
        "cookies are refused. `beaker`: with HMAC-SHA-1, as Beaker does; both signatures are "
        "accepted. Use it while other servers still run Beaker's own middleware.",
        default="sha256",
    )
    signing_keys: tuple[bytes, ...] = option(
        converters.signing_keys,
        "Secrets of at least 16 bytes: a comma-separated string or a tuple. They replace the keys "
        "derived from `secret`: the first one signs items, and a signature by any of them is "
        "accepted. An item with a wrong signature raises PayloadError and is never unpickled. "
        "Without this option, cache items are not signed.",
        default=(),
        secret=True,
    )
    accept_unsigned: bool | str = option(
        converters.boolean_or("plain"),
        "Which unsigned items are accepted where items are signed. `plain`: sessions that contain "
        "only plain data, such as numbers, strings, containers and dates. `true`: all items, so "
        "anyone who can write to the table can run code. `false`: none.",
        default="plain",
    )

    user_key: str | None = option(
        converters.attribute_name,
        "The special key that holds a session's user; it must have an index. Each log-in is then "
        "also recorded in an item of the user, so that `SessionStore.revoke` finds every session. "
        "Works only with this package's middleware.",
    )
    max_sessions: int | None = option(
        converters.positive_integer,
        "How many sessions a user may have at the same time. Requires `user_key`.",
        default_text="no limit",
    )
    when_exceeded: str = option(
        converters.choice("end_oldest", "refuse"),
        "What a log-in beyond `max_sessions` does: `end_oldest` ends the user's session with the "
        "earliest log-in, `refuse` raises TooManySessions.",
        default="end_oldest",
    )

    on_event: Callable[[Any], object] | str | None = option(
        function,
        "Function that is called with a SessionEvent when a session is created, regenerated, ended "
        "or refused, and when a save is merged, rejected or dropped; `module:name` in an INI file.",
        default_text="none; events are logged",
    )

    @cached_property
    def item_keys(self) -> tuple[bytes, ...]:
        """The keys for items. The first one signs; all of them verify."""
        secrets = [] if self.secret is None else [self.secret, *self.previous_secrets]
        return self.signing_keys or tuple(purpose_key(secret, ITEM_PURPOSE) for secret in secrets)
