"""A whole evening's move: log-outs stay, and all other users stay logged in."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.migrate.evening import move
from tests.servers.endpoint import Endpoint

PAGE = Path(__file__).parent.parent.parent / "docs" / "howto" / "move-sessions.md"


@pytest.mark.both_servers
def test_log_outs_stay_and_other_users_stay_logged_in(endpoint: Endpoint, tmp_path: Path) -> None:
    transcript, found = move(tmp_path, endpoint)
    assert {
        "ann": ("ann", ["tea"]),
        "bob": (None, None),
        "cyd": ("cyd", ["tea"]),
        "dan": ("dan", []),
        "eve": ("eve", []),
    } == found
    if endpoint.name == "local":  # moto counts other units
        assert transcript in PAGE.read_text(), "python -m tests.migrate.evening prints it"
