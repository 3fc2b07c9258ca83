"""clear, reap and sessions erase: what they ask, and what they delete."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from beaker_dynamodb import DynamoDBNamespaceManager, StoreUnavailable
from beaker_dynamodb.dynamodb import batches
from beaker_dynamodb.items import reaper
from tests.cli.conftest import SPECIAL, Given, Keys, Run, Sent, Words
from tests.servers.recorder import CallRecorder

NEWS = ("clear", "--namespace", "news")


@pytest.mark.parametrize("words", [["--yes"], []])
@pytest.mark.usefixtures("filled")
def test_only_the_namespace_is_deleted(run: Run, options: Given, keys: Keys, words: Words) -> None:
    DynamoDBNamespaceManager("newspaper", **options)[b"key"] = 1
    before = keys()
    result = run(*NEWS, *words, input="y\n")
    assert "3 items deleted; " in result.stdout
    left = {key for key in before if not key.startswith("cache:news|")}
    assert len(before) - 3 == len(left)
    assert left == keys()


@pytest.mark.both_servers
@pytest.mark.both_shapes
def test_items_are_read_consistently(run: Run, options: Given, shape: str, sent: Sent) -> None:
    DynamoDBNamespaceManager("news", **options)[b"key"] = 1
    sent.clear()
    result = run(*NEWS, "--yes", "--json")
    assert 1 == json.loads(result.stdout)["deleted"]
    assert ("Scanning table" in result.stderr) == (shape == "hash-only")
    reads = [params for method, params in sent if method in ("scan", "query")]
    assert {True} == {params["ConsistentRead"] for params in reads}


@pytest.mark.both_servers
@pytest.mark.both_shapes
@pytest.mark.parametrize("words", [[], ["--json"]])
def test_a_missing_namespace_is_an_error(run: Run, options: Given, words: Words) -> None:
    DynamoDBNamespaceManager("newspaper", **options)[b"key"] = 1
    result = run(*NEWS, "--yes", *words)
    assert (1, "") == (result.exit_code, result.stdout)
    error = result.stderr.splitlines()[-1]
    assert "cache namespace 'news' does not exist in table" in error
    assert error.endswith("'cache:'; beaker-dynamodb stats, with the same flags, lists them")


def test_a_namespace_whose_value_is_being_computed_exists(run: Run, options: Given) -> None:
    lock = DynamoDBNamespaceManager("news", **options).get_creation_lock(b"key")
    lock.acquire()
    result = run(*NEWS, "--yes")
    lock.release()
    assert (0, True) == (result.exit_code, result.stdout.startswith("0 items deleted; "))


@pytest.mark.usefixtures("filled")
def test_after_ctrl_c_the_command_says_what_was_deleted(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = batches.write

    def write(*given: Any) -> None:
        real(*given)
        raise KeyboardInterrupt

    monkeypatch.setattr(batches, "write", write)
    result = run(*NEWS, "--yes")
    assert 0 != result.exit_code
    assert "3 items deleted; " in result.stderr


@pytest.mark.parametrize(
    ("answer", "code", "said"),
    [("n\n", 1, "nothing was changed"), ("", 2, "cannot ask: stdin is not a terminal; pass --yes")],
)
@pytest.mark.usefixtures("filled")
def test_without_confirmation_nothing_is_deleted(
    run: Run, keys: Keys, answer: str, code: int, said: str
) -> None:
    before = keys()
    result = run(*NEWS, input=answer)
    assert code == result.exit_code
    assert said in result.stderr.splitlines()[-1]
    assert before == keys()


@pytest.fixture
def erase(run: Run, filled: Given) -> Run:
    flags = (*SPECIAL, "--user-key", "userId")
    return lambda *words, **extra: run("sessions", "erase", *words, *flags, **extra)


def test_only_the_given_user_is_erased(erase: Run, keys: Keys) -> None:
    before = keys()
    found = json.loads(erase("--where", "userId=0", "--dry-run", "--json").stdout)
    assert (3, 0) == (found["found"], found["erased"])
    assert before == keys()
    assert erase("--where", "userId=0", "--yes").stderr.startswith("3 sessions erased; ")
    left = {key for key in keys() if "|user|" not in key}
    assert before - {"sess:id-0", "sess:id-2", "sess:id-4"} == left


@pytest.mark.parametrize(
    ("words", "answer", "code", "said"),
    [
        (["--where", "userId=0"], "n\n", 1, "Erase a user with 3 sessions in table"),
        (["--where", "other=0"], "", 2, "not in the option special_keys"),
        ([], "", 2, "--where"),
    ],
)
def test_nothing_is_erased_without_a_user_and_confirmation(
    erase: Run, keys: Keys, words: Words, answer: str, code: int, said: str
) -> None:
    before = keys()
    result = erase(*words, input=answer)
    assert code == result.exit_code
    assert said in result.stderr
    assert before == keys()


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
