"""The state file."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from beaker_dynamodb.exceptions import ConfigurationError
from beaker_dynamodb.migrate.source import digest_of
from beaker_dynamodb.migrate.state import State


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state"


def opened(path: Path) -> State:
    return State(path, "old", "new")


def test_only_its_owner_may_read_it(path: Path) -> None:
    opened(path).close()
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)


def test_it_contains_digests_instead_of_ids(path: Path) -> None:
    with opened(path) as state:
        state.copied(digest_of("the-id"), None)
    assert "the-id" not in path.read_text()
    assert digest_of("the-id")[:32] in path.read_text()


def test_a_file_of_another_migration_is_refused_and_not_changed(path: Path) -> None:
    opened(path).close()
    with pytest.raises(ConfigurationError, match="belongs to another"):
        State(path, "old", "another")
    path.write_text("important\n")
    with pytest.raises(ConfigurationError, match="belongs to another"):
        opened(path)
    assert "important\n" == path.read_text()


def test_an_incomplete_line_is_ignored(path: Path) -> None:
    first, second = digest_of("a"), digest_of("b")
    with opened(path) as state:
        state.copied(first, 1000)
    with path.open("a") as file:
        file.write(f"copied {second[:20]}")
    with opened(path) as state:
        assert (True, False) == (state.has(first), state.has(second))
        state.copied(second, None)
    with opened(path) as state:
        assert (True, False) == (state.is_current(first, 1000), state.is_current(first, 1001))
        assert state.is_current(first, None)
        assert state.is_current(second, 1001)


def test_marks_are_kept_until_a_run_ends(path: Path) -> None:
    with opened(path) as state:
        state.mark(0, {"id": {"S": "a"}})
        state.mark(1, {"id": {"S": "b"}})
        state.mark(0, None)
    with opened(path) as state:
        assert {0: None, 1: {"id": {"S": "b"}}} == state.marks
        state.end()
    with opened(path) as state:
        assert {} == state.marks
