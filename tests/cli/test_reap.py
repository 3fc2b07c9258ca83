"""reap: expired items are deleted, and a state file belongs to one table and prefix."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from beaker_dynamodb import DynamoDBNamespaceManager, StoreUnavailable
from beaker_dynamodb.items import reaper
from tests.cli.conftest import Given, Keys, Run
from tests.servers.recorder import CallRecorder


@pytest.mark.usefixtures("filled")
def test_only_expired_items_are_deleted(run: Run, keys: Keys) -> None:
    before = keys()
    assert "1 expired item would be deleted, of " in run("reap", "--dry-run").stdout
    assert before == keys()
    answer = json.loads(run("reap", "--json").stdout)
    assert (1, 1) == (answer["expired"], answer["deleted"])
    assert before - {"sess:old"} == keys()


def test_an_interrupted_run_continues_from_its_state_file(
    run: Run, filled: Given, keys: Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = keys()
    state = tmp_path / "reap.state"
    words = ("reap", "--state", str(state), "--json")
    reap = reaper.reap

    def interrupted(*given: Any, **more: Any) -> Iterator[reaper.Reaped]:
        yield next(iter(reap(*given, **more)))
        raise StoreUnavailable("stopped")

    with monkeypatch.context() as patched:
        patched.setattr(reaper, "reap", interrupted)
        assert 1 == run(*words, "--segments", "2").exit_code
    assert 0o600 == state.stat().st_mode & 0o777
    assert [state] == list(tmp_path.iterdir())
    with CallRecorder(DynamoDBNamespaceManager("any", **filled).client) as calls:
        assert 0 == run(*words).exit_code
    assert [2] == [call.params["TotalSegments"] for call in calls if call.operation == "Scan"]
    assert not state.exists()
    assert before - {"sess:old"} == keys()


@pytest.mark.parametrize("content", ['{"location": "another table"}', "{", "[]"])
@pytest.mark.usefixtures("filled")
def test_another_state_file_is_refused_before_anything_is_deleted(
    run: Run, keys: Keys, tmp_path: Path, content: str
) -> None:
    before = keys()
    path = tmp_path / "reap.state"
    path.write_text(content)
    result = run("reap", "--state", str(path))
    assert (2, content) == (result.exit_code, path.read_text())
    assert f"state file {path}: belongs to another" in result.stderr
    assert before == keys()


def test_a_state_file_that_cannot_be_written_is_refused(run: Run, tmp_path: Path) -> None:
    assert 2 == run("reap", "--state", str(tmp_path / "missing" / "reap.state")).exit_code
    assert 2 == run("reap", "--state", str(tmp_path / ("long" * 100))).exit_code
    assert 2 == run("reap", "--state", str(tmp_path / "reap.state"), "--dry-run").exit_code
