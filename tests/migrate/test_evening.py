"""A whole evening's move: nobody is back in, nobody is logged out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.migrate.evening import move

if TYPE_CHECKING:
    from tests.servers.endpoint import Endpoint

PAGE = Path(__file__).parent.parent.parent / "docs" / "migration.md"


@pytest.mark.both_servers
def test_nobody_is_back_in_and_nobody_is_logged_out(endpoint: Endpoint, tmp_path: Path) -> None:
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
