"""reap: expired items are deleted, and a state file belongs to one table and prefix."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from beaker_dynamodb.cli.reap import StateFile
from tests.cli.conftest import Run, keys

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


def test_only_expired_items_are_deleted(
    run: Run, filled: dict[str, Any], client: DynamoDBClient, table_name: str
) -> None:
    before = keys(client, table_name)
    dry = run("reap", "--dry-run")
    assert "1 expired item would be deleted, of " in dry.stdout
    assert before == keys(client, table_name)
    answer = json.loads(run("reap", "--json").stdout)
    assert (1, 1) == (answer["expired"], answer["deleted"])
    assert before - {"sess:old"} == keys(client, table_name)


def test_a_run_continues_from_its_state_file(
    run: Run, filled: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = tmp_path / "reap.json"
    words = ("reap", "--state", str(state), "--segments", "2", "--json")
    with monkeypatch.context() as patched:
        patched.setattr("beaker_dynamodb.items.reaper.reap", lambda *_, **__: iter(()))
        run(*words)
    assert 0o600 == state.stat().st_mode & 0o777
    left = json.loads(state.read_text())
    both_done = {"last_keys": {"0": None, "1": None}}
    state.write_text(json.dumps({**left, **both_done}))
    assert 0 == json.loads(run(*words).stdout)["scanned"]
    state.unlink(missing_ok=True)
    assert 1 == json.loads(run(*words).stdout)["deleted"]
    assert not state.exists()


@pytest.mark.parametrize("content", ["{", "[]", '{"segments": 2, "last_keys": {}}', "elsewhere"])
def test_another_state_file_is_refused_before_anything_is_deleted(
    run: Run,
    filled: dict[str, Any],
    client: DynamoDBClient,
    table_name: str,
    tmp_path: Path,
    content: str,
) -> None:
    before = keys(client, table_name)
    path = tmp_path / "reap.json"
    if content == "elsewhere":
        StateFile(path, "another table or prefix", 2)
        content = path.read_text()
    else:
        path.write_text(content)
    result = run("reap", "--state", str(path))
    assert (2, content) == (result.exit_code, path.read_text())
    assert f"state file {path}: " in result.stderr
    assert before == keys(client, table_name)


def test_a_state_file_that_cannot_be_written_is_refused(run: Run, tmp_path: Path) -> None:
    assert 2 == run("reap", "--state", str(tmp_path / "missing" / "reap.json")).exit_code
    assert 2 == run("reap", "--state", str(tmp_path / "reap.json"), "--dry-run").exit_code
