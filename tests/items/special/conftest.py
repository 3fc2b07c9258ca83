"""Fixtures of these tests: options with special keys, and a clock that no sweeper overtakes."""

from __future__ import annotations

from tests.sessions.conftest import clock  # noqa: F401  # a fixture
from tests.sessions.stores import options, table  # noqa: F401  # fixtures
