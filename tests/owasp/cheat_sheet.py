"""Sections of OWASP's Session Management Cheat Sheet, by their headings."""

from __future__ import annotations

from tests.owasp.requirement import Requirement

CHEAT_SHEET = [
    Requirement(
        "Session ID Name Fingerprinting",
        "a generic name of the cookie",
        "`beaker.session.id`, as Beaker's",
        "`key`",
        "choose the name",
        same=("3.3.3",),
    ),
    Requirement(
        "Session ID Entropy",
        "at least 64 bits from a CSPRNG",
        "256 bits",
        same=("7.2.3",),
    ),
    Requirement(
        "Session ID Content (or Value)",
        "the id has no meaning",
        "random; with `consistent_read = auto`, the cookie also has the number and the time of the "
        "last change",
        same=("14.3.3",),
    ),
    Requirement(
        "Used vs. Accepted Session ID Exchange Mechanisms",
        "ids are accepted from cookies only",
        "yes",
        same=("14.2.1",),
    ),
    Requirement(
        "Transport Layer Security",
        "HTTPS for all of a session, HSTS",
        "`Secure` over HTTPS",
        "`key = __Host-sid`",
        "HTTPS and HSTS",
        same=("3.3.1",),
    ),
    Requirement(
        "Domain and Path Attributes",
        "a narrow scope",
        "no domain, the path `/`",
        "`cookie_domain`, `cookie_path`",
        "one application for each host name",
        same=("3.3.3",),
    ),
    Requirement(
        "Session ID Generation and Verification: Permissive and Strict Session Management",
        "only ids that the application has issued",
        "strict: an unknown id is replaced by a new one",
    ),
    Requirement(
        "Manage Session ID as Any Other User Input",
        "ids are validated",
        "values of another form are not looked up; no id reaches another kind of item",
    ),
    Requirement(
        "Renew the Session ID After Any Privilege Level Change",
        "a new id; the old one is destroyed",
        "",
        "`session.regenerate_id()`",
        "call it",
        same=("7.2.4",),
    ),
    Requirement(
        "Considerations When Using Multiple Cookies",
        "no second cookie that opens the session",
        "one cookie; a change of its domain or path removes the old one",
    ),
    Requirement(
        "Idle Timeout",
        "enforced by the server",
        "a day",
        "`timeout`",
        "choose it",
        same=("7.3.1",),
    ),
    Requirement(
        "Absolute Timeout",
        "enforced by the server, whatever the activity",
        application="as 7.3.2",
    ),
    Requirement(
        "Renewal Timeout",
        "optionally, a new id from time to time",
        "",
        "`session.regenerate_id()` on any request: other requests in flight log nobody out",
        "call it",
    ),
    Requirement(
        "Logout Button",
        "users can end their session, on the server",
        "",
        "`session.delete()`, `session.invalidate()`",
        "the button",
        same=("7.4.1",),
    ),
    Requirement(
        "Web Content Caching and Clear-Site-Data",
        "no private page in a cache after log-out",
        "`no-store` with each cookie",
        "",
        "`no-store` on private pages; `Clear-Site-Data` at log-out",
        same=("14.3.2",),
    ),
    Requirement(
        "Reauthentication After Risk Events",
        "log in again after changes of the account",
        application="as 7.5.1",
    ),
    Requirement(
        "Session ID Guessing and Brute Force Detection",
        "many ids from one address raise an alarm",
        "",
        "`on_event` with the kind `refused`",
        "count them by address",
        same=("16.3.3",),
    ),
    Requirement(
        "Detecting Session ID Anomalies",
        "a changed cookie, or the cookie of another session, is noticed",
        "",
        "`on_event` with the reasons `bad_signature`, `unknown_id`, `has_ended`",
        "respond to them",
    ),
    Requirement(
        "Binding the Session ID to Other User Properties",
        "a change of address or user agent is an anomaly",
        application="store them in the session, and compare",
    ),
    Requirement(
        "Logging Sessions Life Cycle: Monitoring Creation, Usage, and Destruction of Session IDs",
        "log each step of a session's life, with a digest of its id",
        "the logger `beaker_dynamodb.events`",
        "`on_event`",
        "address and user agent",
        same=("16.3.3", "16.2.5"),
    ),
    Requirement(
        "Simultaneous Session Logons",
        "a decision on parallel log-ins",
        "allowed",
        "`max_sessions`, `when_exceeded`",
        "choose them",
        same=("7.1.2",),
    ),
]
