"""reap: what has expired goes, and a state file is taken for what it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from beaker_dynamodb.cli.commands import reap
from tests.ops.conftest import Run, ids

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


def test_reap(run: Run, filled: dict[str, Any], client: DynamoDBClient, table_name: str) -> None:
    """A dry run counts, the other deletes what has expired; both leave all else."""
    before = ids(client, table_name)
    dry = run("reap", "--dry-run")
    assert "1 expired item would be deleted, of " in dry.stdout
    assert before == ids(client, table_name)
    answer = json.loads(run("reap", "--json").stdout)
    assert (1, 1) == (answer["expired"], answer["deleted"])
    assert before - {"sess:old"} == ids(client, table_name)


def test_reap_goes_on_where_it_was_left(
    run: Run, filled: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A state file is read, and gone when all is done."""
    state = tmp_path / "reap.json"
    words = ("reap", "--state", str(state), "--segments", "2")
    monkeypatch.setattr(reap, "reaped", lambda *_, **__: (_ for _ in ()))
    assert 0 == run(*words).exit_code
    assert 0o600 == state.stat().st_mode & 0o777
    monkeypatch.undo()
    left = json.loads(state.read_text())
    # Both segments are done.
    state.write_text(json.dumps({**left, "last_keys": {"0": None, "1": None}}))
    assert 0 == json.loads(run(*words, "--json").stdout)["scanned"]
    state.unlink(missing_ok=True)
    assert 1 == json.loads(run(*words, "--json").stdout)["deleted"]
    assert not state.exists()


@pytest.mark.parametrize("text", ["{", "[]", '{"segments": 2, "last_keys": {}}'])
def test_reap_takes_its_own_state_only(run: Run, tmp_path: Path, text: str) -> None:
    """Another file is left alone: exit code 2, before anything is deleted."""
    state = tmp_path / "reap.json"
    state.write_text(text)
    result = run("reap", "--state", str(state))
    assert (2, text) == (result.exit_code, state.read_text())
    assert f"state file {state}: " in result.stderr


@pytest.mark.parametrize(
    "other",
    [("--table-name", "other"), ("--prefix", "x"), ("--endpoint-url", "http://127.0.0.1:1")],
)
def test_reap_takes_no_state_of_another_place(
    run: Run,
    filled: dict[str, Any],
    client: DynamoDBClient,
    table_name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    other: tuple[str, str],
) -> None:
    """The state of another table, prefix or server is refused, and nothing is deleted."""
    state = tmp_path / "reap.json"
    words = ("reap", "--state", str(state))
    before = ids(client, table_name)
    monkeypatch.setattr(reap, "reaped", lambda *_, **__: (_ for _ in ()))
    assert 0 == run(*words).exit_code
    monkeypatch.undo()
    left = state.read_text()
    result = run(*words, after=other)
    assert 2 == result.exit_code
    assert "is not of a reaper of this table and prefix" in result.stderr
    assert (before, left) == (ids(client, table_name), state.read_text())


def test_reap_tries_its_state_file_first(
    run: Run, filled: dict[str, Any], client: DynamoDBClient, table_name: str, tmp_path: Path
) -> None:
    """Where it cannot be written, that is said before anything is deleted."""
    before = ids(client, table_name)
    result = run("reap", "--state", str(tmp_path / "missing" / "reap.json"))
    assert (2, before) == (result.exit_code, ids(client, table_name))
    assert 2 == run("reap", "--state", str(tmp_path / "reap.json"), "--dry-run").exit_code
