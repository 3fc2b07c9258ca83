"""Chapters 3 and 7 of OWASP ASVS 5.0.0: cookies and sessions."""

from __future__ import annotations

from tests.owasp.requirement import Requirement

COOKIES_AND_SESSIONS = [
    Requirement(
        "3.3.1",
        "cookies are `Secure`, and named `__Host-` or `__Secure-`",
        "`Secure` if the request came over HTTPS",
        "`key = __Host-sid`, which is always `Secure`",
        "serve HTTPS only; choose the name",
    ),
    Requirement(
        "3.3.2",
        "`SameSite` by the cookie's purpose, against CSRF",
        "`SameSite=Lax`",
        "`samesite`",
        "CSRF tokens in forms",
    ),
    Requirement(
        "3.3.3",
        "`__Host-` unless the cookie is shared with other hosts",
        "combinations that browsers drop are errors at start",
        "`key = __Host-sid`",
        "choose the name",
    ),
    Requirement(
        "3.3.4",
        "`HttpOnly`, and the value only in `Set-Cookie`",
        "both",
        "`httponly`",
        "keep `session.id` out of pages",
    ),
    Requirement(
        "3.3.5",
        "name and value of a cookie have at most 4096 bytes",
        "the cookie contains the id, never the data",
    ),
    Requirement(
        "7.1.1",
        "timeouts are documented and justified",
        application="write them down",
    ),
    Requirement(
        "7.1.2",
        "the number of parallel sessions is documented, and what happens beyond it",
        "no limit",
        "`max_sessions`, `when_exceeded`",
        "choose them, and write them down",
    ),
    Requirement(
        "7.1.3",
        "federated systems are documented",
        application="all of it",
    ),
    Requirement(
        "7.2.1",
        "session tokens are verified by a trusted backend",
        "each request reads the session from DynamoDB, and an unknown id opens nothing",
        "`secret`: a cookie without a valid signature is not even looked up",
    ),
    Requirement(
        "7.2.2",
        "tokens are generated dynamically",
        "each session has an id of its own",
    ),
    Requirement(
        "7.2.3",
        "reference tokens are unique, from a CSPRNG, with at least 128 bits",
        "256 bits from `secrets`",
    ),
    Requirement(
        "7.2.4",
        "a new token at log-in; the old one ends",
        "",
        "`session.regenerate_id()` and `session.invalidate()` end the old id at once, also for "
        "requests in flight",
        "call one of them at log-in and re-authentication",
    ),
    Requirement(
        "7.3.1",
        "an inactivity timeout",
        "a session ends one day after its last write",
        "`timeout`; `session.set_timeout()` for one session",
        "choose it",
    ),
    Requirement(
        "7.3.2",
        "an absolute maximum lifetime",
        "",
        "`absolute_timeout`, counted from the last log-in",
        "choose it",
    ),
    Requirement(
        "7.4.1",
        "a session that was ended or has expired cannot be used any more",
        "`delete()` and `invalidate()` end the session in DynamoDB. No request in flight brings it "
        "back, and an expired item is never read",
        "",
        "call one of them at log-out",
    ),
    Requirement(
        "7.4.2",
        "all sessions of a disabled or deleted account end",
        "",
        "`user_key`; `SessionStore.revoke` and `erase`, which no log-in survives that began before",
        "call one of them",
    ),
    Requirement(
        "7.4.3",
        "after a change of a password, users can end their other sessions",
        "",
        "`SessionStore.revoke(userId=…, keep=session.id)`",
        "offer it",
    ),
    Requirement(
        "7.4.4",
        "log-out is visible on all pages that need a log-in",
        application="all of it",
    ),
    Requirement(
        "7.4.5",
        "administrators can end the sessions of one user, and of all",
        "",
        "`beaker-dynamodb sessions revoke`, `SessionStore.revoke`",
        "give administrators access",
    ),
    Requirement(
        "7.5.1",
        "log in again before changes of the account",
        "",
        "`session.fresh_within(seconds)` says whether the last log-in was that recent",
        "ask for the password, then call `session.logged_in()`",
    ),
    Requirement(
        "7.5.2",
        "users can view and end their sessions",
        "",
        "`SessionStore.sessions`, `delete`, `revoke`",
        "[the page](../howto/device-list.md), and a log-in before it",
    ),
    Requirement(
        "7.5.3",
        "log in again before highly sensitive operations",
        "",
        "`session.fresh_within(seconds)` says whether the last log-in was that recent",
        "ask for the password, then call `session.logged_in()`",
    ),
    Requirement(
        "7.6.1",
        "lifetimes in a federation are as documented",
        application="all of it",
    ),
    Requirement(
        "7.6.2",
        "no session is created without the user's action",
        "nothing is stored and no cookie is set until the application saves the session",
        "",
        "save at an action of the user",
    ),
]
