"""The state file."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from beaker_dynamodb.exceptions import ConfigurationError
from beaker_dynamodb.migrate.state import State


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state"


def opened(path: Path) -> State:
    return State(path, "old", "new")


def test_only_its_owner_may_read_it(path: Path) -> None:
    opened(path).close()
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)


def test_a_file_of_another_migration_is_refused_and_not_changed(path: Path) -> None:
    opened(path).close()
    with pytest.raises(ConfigurationError, match="belongs to another"):
        State(path, "old", "another")
    path.write_text("important\n")
    with pytest.raises(ConfigurationError, match="belongs to another"):
        opened(path)
    assert "important\n" == path.read_text()


def test_an_incomplete_line_is_ignored(path: Path) -> None:
    with opened(path) as state:
        state.mark(0, {"id": {"S": "a"}})
    with path.open("a") as file:
        file.write('mark 1 {"id"')
    with opened(path) as state:
        assert {0: {"id": {"S": "a"}}} == state.marks
        state.mark(0, None)
        state.mark(1, {"id": {"S": "b"}})
    with opened(path) as state:
        assert {0: None, 1: {"id": {"S": "b"}}} == state.marks
