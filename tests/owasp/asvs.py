"""OWASP ASVS 5.0.0 requirements that concern sessions, in the order of their numbers."""

from __future__ import annotations

from tests.owasp.asvs_data import DATA
from tests.owasp.asvs_sessions import COOKIES_AND_SESSIONS

ASVS = sorted(
    [*COOKIES_AND_SESSIONS, *DATA], key=lambda each: [int(part) for part in each.name.split(".")]
)
