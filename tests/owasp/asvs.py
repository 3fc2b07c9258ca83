"""Requirements of OWASP ASVS 5.0.0 that concern sessions, their cookies and their cryptography."""

from __future__ import annotations

from tests.owasp.requirement import Requirement

HASHES = "all MACs are HMAC-SHA-256 and all keys derived with HKDF (both approved in appendix C)"

ASVS = [
    Requirement(
        "1.5.2",
        "deserialize untrusted data safely",
        "with a secret, an item with a wrong signature is not unpickled, and an unsigned one only "
        "if it is plain data",
        "`secret`, `signing_keys`, `accept_unsigned = false`",
        "set a secret; for caches, `signing_keys`",
    ),
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
        "`timeout`",
        "choose it",
    ),
    Requirement(
        "7.3.2",
        "an absolute maximum lifetime",
        application="compare `session.created` with the clock",
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
        application="all of it",
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
        application="all of it",
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
    Requirement(
        "11.2.2",
        "algorithms and keys can be replaced",
        "the cookie's form names its algorithm; cookies of Beaker's middleware are replaced",
        "`cookie_signature`, `previous_secrets`, `signing_keys`",
    ),
    Requirement(
        "11.2.3",
        "at least 128 bits of security",
        "a secret of fewer than 16 bytes is a warning at start",
        "",
        "create secrets from random bytes",
    ),
    Requirement(
        "11.2.4",
        "cryptographic operations take constant time",
        "signatures are compared by `hmac.compare_digest`, those of cookies with every key",
    ),
    Requirement(
        "11.2.5",
        "cryptography fails securely",
        "one wrong bit refuses a cookie or an item, before it is decompressed or unpickled",
    ),
    Requirement(
        "11.4.1",
        "only approved hash functions",
        f"{HASHES}; Beaker's HMAC-SHA-1 (legacy in appendix C) is accepted on cookies",
        "`cookie_signature = sha256-only`",
        "set it once Beaker's middleware is gone",
    ),
    Requirement(
        "11.5.1",
        "random values come from a CSPRNG, with at least 128 bits",
        "ids have 256 bits from `secrets`",
    ),
    Requirement(
        "13.3.4",
        "secrets are rotated",
        "",
        "`previous_secrets`, `signing_keys`: a new secret logs nobody out",
        "[change them](../howto/rotate-keys.md)",
    ),
    Requirement(
        "14.2.1",
        "session tokens are not in URLs",
        "an id is read from the `Cookie` header only",
    ),
    Requirement(
        "14.2.4",
        "stored sensitive data is protected as documented",
        "",
        "`hash_ids`, `secret`, Beaker's `encrypt_key`",
        "choose them by the [security model](security.md)",
    ),
    Requirement(
        "14.3.2",
        "`Cache-Control: no-store` on sensitive pages",
        "on responses that set the cookie; `Vary: Cookie` on all that read the session",
        "",
        "`no-store` on private pages",
    ),
    Requirement(
        "14.3.3",
        "browsers store no sensitive data, except session tokens",
        "the cookie contains the id, never the data",
    ),
    Requirement(
        "16.2.5",
        "session tokens are logged only hashed or masked",
        "logs and errors show a digest of the id",
        "",
        "do not log the `Cookie` header",
    ),
    Requirement(
        "16.3.1",
        "log-ins are logged",
        application="all of it",
    ),
    Requirement(
        "16.3.3",
        "security events are logged",
        application="all of it",
    ),
    Requirement(
        "16.5.3",
        "errors do not open access",
        "a store error is never read as a session, a new session or a log-out",
    ),
]
