"""Requirements of other chapters of OWASP ASVS 5.0.0: stored data, cryptography, logs, errors."""

from __future__ import annotations

from tests.owasp.requirement import Requirement

HASHES = "all MACs are HMAC-SHA-256 and all keys derived with HKDF (both approved in appendix C)"

DATA = [
    Requirement(
        "1.5.2",
        "deserialize untrusted data safely",
        "with a secret, an item with a wrong signature is not unpickled, and an unsigned one only "
        "if it is plain data",
        "`secret`, `signing_keys`, `accept_unsigned = false`",
        "set a secret; for caches, `signing_keys`",
        level=2,
    ),
    Requirement(
        "11.2.2",
        "algorithms and keys can be replaced",
        "the cookie's form names its algorithm; cookies of Beaker's middleware are replaced",
        "`cookie_signature`, `previous_secrets`, `signing_keys`",
        level=2,
    ),
    Requirement(
        "11.2.3",
        "at least 128 bits of security",
        "a secret of fewer than 16 bytes is a warning at start",
        "",
        "create secrets from random bytes",
        level=2,
    ),
    Requirement(
        "11.2.4",
        "cryptographic operations take constant time",
        "signatures are compared by `hmac.compare_digest`, those of cookies with every key",
        level=3,
    ),
    Requirement(
        "11.2.5",
        "cryptography fails securely",
        "one wrong bit refuses a cookie or an item, before it is decompressed or unpickled",
        level=3,
    ),
    Requirement(
        "11.4.1",
        "only approved hash functions",
        f"{HASHES}; Beaker's HMAC-SHA-1 (legacy in appendix C) is accepted on cookies",
        "`cookie_signature = sha256-only`",
        "set it once Beaker's middleware is gone",
        level=1,
    ),
    Requirement(
        "11.5.1",
        "random values come from a CSPRNG, with at least 128 bits",
        "ids have 256 bits from `secrets`",
        level=2,
    ),
    Requirement(
        "13.3.4",
        "secrets are rotated",
        "",
        "`previous_secrets`, `signing_keys`: a new secret logs no user out",
        "[change them](../howto/rotate-keys.md)",
        level=3,
    ),
    Requirement(
        "14.2.1",
        "session tokens are not in URLs",
        "an id is read from the `Cookie` header only",
        level=1,
    ),
    Requirement(
        "14.2.4",
        "stored sensitive data is protected as documented",
        "",
        "`hash_ids`, `secret`, Beaker's `encrypt_key`",
        "choose them by the [security model](security.md)",
        level=2,
    ),
    Requirement(
        "14.3.2",
        "`Cache-Control: no-store` on sensitive pages",
        "on responses that set the cookie, unless the application sends its own; `Vary: Cookie` on "
        "all that read the session",
        "",
        "`no-store` on private pages",
        level=2,
    ),
    Requirement(
        "14.3.3",
        "browsers store no sensitive data, except session tokens",
        "the cookie contains the id, never the data",
        level=2,
    ),
    Requirement(
        "16.2.5",
        "session tokens are logged only hashed or masked",
        "logs and errors show a digest of the id",
        "",
        "do not log the `Cookie` header",
        level=2,
    ),
    Requirement(
        "16.3.1",
        "log-ins are logged",
        application="all of it",
        level=2,
    ),
    Requirement(
        "16.3.3",
        "security events are logged",
        "the logger `beaker_dynamodb.events`, at level INFO: refused cookies, signatures and "
        "log-ins, and the end of each session",
        "`on_event`",
        "[keep them](../howto/session-events.md)",
        level=2,
    ),
    Requirement(
        "16.5.3",
        "errors do not open access",
        "a store error is never read as a session, a new session or a log-out",
        level=2,
    ),
]
