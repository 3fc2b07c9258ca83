"""sessions erase: what it asks, and what it deletes."""

from __future__ import annotations

import json

import pytest

from tests.cli.conftest import SPECIAL, Given, Keys, Run, Words


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
