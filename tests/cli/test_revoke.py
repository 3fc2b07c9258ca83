"""sessions revoke: what it asks, what it ends, and what it says."""

from __future__ import annotations

import json
import time
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from beaker_dynamodb import DynamoDBNamespaceManager
from beaker_dynamodb.sessions.query import SessionQuery
from tests.cli.conftest import DIGEST, SPECIAL, Given, Keys, Run, Sent, Words
from tests.opening import payload


@pytest.fixture
def revoke(run: Run, filled: Given) -> Run:
    return lambda *words, **extra: run("sessions", "revoke", *words, *SPECIAL, **extra)


@pytest.fixture
def sessions(keys: Keys) -> Keys:
    """Returns the ids of the stored sessions except "old", which DynamoDB Local may delete."""
    return lambda: {key[5:] for key in keys() - {"sess:old"} if key.startswith("sess:")}


EVERY = {f"id-{n}" for n in range(5)}


@pytest.mark.owasp("7.4.5")
@pytest.mark.both_servers
@pytest.mark.parametrize(
    ("words", "ended"),
    [
        (["id-3"], {"id-3"}),
        ([DIGEST], {"id-0"}),
        ([DIGEST, "--where", "userId=0"], {"id-0"}),
        (["--where", "userId=0"], {"id-0", "id-2", "id-4"}),
        (["--where", "userId=0", "--keep", DIGEST, "--keep", "id-2"], {"id-4"}),
        (["--where", "userId=0", "--created-before", "1d"], set()),
        (["--all", "--created-after", "1d"], EVERY),
        (["--all"], EVERY),
    ],
)
def test_sessions_end_and_are_listed(
    revoke: Run, sessions: Keys, words: Words, ended: set[str]
) -> None:
    dry = revoke(*words, "--dry-run")
    rows = dry.stdout.splitlines()[1:]
    assert (0, len(ended)) == (dry.exit_code, len(rows))
    plural = "" if len(ended) == 1 else "s"
    assert f"{len(ended)} session{plural} would be revoked; " in dry.stderr
    assert EVERY == sessions()
    done = revoke(*words, "--yes")
    assert (0, sorted(rows)) == (done.exit_code, sorted(done.stdout.splitlines()[1:]))
    assert f"{len(ended)} session{plural} revoked; " in done.stderr
    assert EVERY - ended == sessions()


@pytest.mark.parametrize(
    ("words", "question"),
    [
        (["id-3"], "Revoke 1 session in table"),
        (["--where", "userId=0"], "Revoke 3 sessions in table"),
        (["--all"], "Is the secret rotated? Revoke all sessions with prefix 'sess:' in table"),
        (["--all", "--created-before", "1d"], "rotated? Revoke the chosen sessions"),
    ],
)
@pytest.mark.parametrize(
    ("answer", "code", "said"),
    [("n\n", 1, "nothing was changed"), ("", 2, "cannot ask: stdin is not a terminal; pass --yes")],
)
def test_without_confirmation_no_session_ends(
    revoke: Run, sessions: Keys, words: Words, question: str, answer: str, code: int, said: str
) -> None:
    result = revoke(*words, input=answer)
    # click 8.2.1 echoes the answer to stdout.
    assert (code, answer.strip()) == (result.exit_code, result.stdout.strip() or answer.strip())
    assert question in result.stderr
    assert said in result.stderr.splitlines()[-1]
    assert EVERY == sessions()


def test_nothing_is_asked_if_no_session_matches(revoke: Run) -> None:
    result = revoke("--where", "userId=99", input="")
    assert 0 == result.exit_code
    assert result.stderr.startswith("0 sessions revoked; ")


def test_answers_and_ids_are_read_from_stdin(revoke: Run, sessions: Keys) -> None:
    assert 0 == revoke("--where", "userId=1", input="y\n").exit_code
    assert 0 == revoke("-", input="id-0\ny\n").exit_code
    assert 0 == revoke("-", "--yes", input="id-2\n").exit_code
    assert {"id-4"} == sessions()


def test_the_result_as_json(revoke: Run) -> None:
    for words, number in (("--dry-run", 0), ("--yes", 2)):
        answer = json.loads(revoke("--where", "userId=1", "--json", words).stdout)
        assert (number, 2) == (answer["revoked"], len(answer["sessions"]))
    assert {"read", "write"} == answer["capacity_units"].keys()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ([], 2, "pass one of: a session, --where KEY=VALUE, or --all"),
        (["id-0", "--all"], 2, "or --all"),
        (["--where", "userId=0", "--all"], 2, "or --all"),
        (["id-0", "--keep", "id-1"], 2, "--keep requires --where"),
        (["--all", "--keep", "id-1"], 2, "--keep requires --where"),
        (["id-0", "--used-before", "1d"], 2, "times require --where or --all"),
        (["@0123456789abcdef"], 1, "the session does not exist"),
        (["--where", "userId=0", "--keep", "unknown"], 1, "the session does not exist"),
    ],
)
def test_impossible_combinations_are_refused(
    revoke: Run, sessions: Keys, words: Words, code: int, said: str
) -> None:
    result = revoke(*words, "--yes")
    assert (code, "") == (result.exit_code, result.stdout)
    assert said in result.stderr
    assert EVERY == sessions()


@pytest.mark.both_servers
@pytest.mark.parametrize("words", [["--where", "userId=0"], ["--all"]])
def test_a_session_that_is_used_before_it_is_deleted_is_kept(
    revoke: Run, sessions: Keys, filled: Any, monkeypatch: pytest.MonkeyPatch, words: Words
) -> None:
    real = SessionQuery._of_prefix

    def of_prefix(self: SessionQuery, found: Any) -> Any:
        listed = list(real(self, found))
        later = {**filled, "clock": lambda: time.time() + 7200}
        DynamoDBNamespaceManager("id-0", **later)["session"] = payload(userId=0, used=1)
        yield from listed

    monkeypatch.setattr(SessionQuery, "_of_prefix", of_prefix)
    soon = f"{datetime.now(timezone.utc) + timedelta(hours=1):%Y-%m-%dT%H:%MZ}"
    assert 0 == revoke(*words, "--used-before", soon, "--yes").exit_code
    left = {"id-0"} if words == ["--all"] else {"id-0", "id-1", "id-3"}
    assert left == sessions()


# -- all ------------------------------------------------------------------------------------------


@pytest.mark.owasp("7.4.5")
@pytest.mark.both_servers
def test_all_reads_consistently_until_a_pass_finds_nothing(
    revoke: Run, sessions: Keys, options: Any, sent: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    """During each of the first two passes a session starts that the pass does not see."""
    real, passes = SessionQuery.all, []

    def all(self: SessionQuery, *given: Any, **extra: Any) -> Any:
        yield from real(self, *given, **extra)
        passes.append(1)
        if len(passes) <= 2:
            DynamoDBNamespaceManager(f"late-{len(passes)}", **options)["session"] = payload()

    monkeypatch.setattr(SessionQuery, "all", all)
    result = revoke("--all", "--yes")
    assert (0, 4) == (result.exit_code, len(passes))
    assert set() == sessions()
    assert {True} == {params["ConsistentRead"] for method, params in sent if method == "scan"}
    assert result.stderr.startswith("Rotate session.secret first")
    assert 4 == result.stderr.count("Scanning table")
    assert result.stderr.splitlines()[-1].startswith("7 sessions revoked; ")


def test_caches_and_other_prefixes_stay(revoke: Run, keys: Keys) -> None:
    revoke("--all", "--yes", after=["--prefix", "other:"])
    before = keys()
    revoke("--all", "--yes")
    left = {key for key in before if not key.startswith("sess:")}
    assert len(left) == 4
    assert left == keys()


def test_after_ctrl_c_it_says_what_ended(revoke: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    real = SessionQuery.delete

    def delete(self: SessionQuery, *given: Any) -> Any:
        if deleted:
            raise KeyboardInterrupt
        deleted.append(1)
        return real(self, *given)

    deleted: list[int] = []
    monkeypatch.setattr(SessionQuery, "delete", delete)
    result = revoke("--where", "userId=0", "--yes")
    assert 0 != result.exit_code
    assert 2 == len(result.stdout.splitlines())
    assert "1 session revoked; " in result.stderr
