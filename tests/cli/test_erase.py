"""sessions erase: what it asks, and what it deletes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.cli.conftest import Run, keys

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


@pytest.fixture
def erase(run: Run, filled: dict[str, Any]) -> Run:
    flags = ("--special-keys", "userId:N:index", "--user-key", "userId")

    def erase(*words: str, **more: Any) -> Any:
        return run("sessions", "erase", *words, *flags, **more)

    return erase


def test_a_user_is_erased_and_no_other(erase: Run, client: DynamoDBClient, table_name: str) -> None:
    before = keys(client, table_name)
    dry = erase("--where", "userId=0", "--dry-run", "--json")
    found = json.loads(dry.stdout)
    assert (3, 0) == (found["found"], found["erased"])
    assert before == keys(client, table_name)
    done = erase("--where", "userId=0", "--yes")
    assert done.stderr.startswith("3 sessions erased; ")
    left = {key for key in keys(client, table_name) if "|user|" not in key}
    assert before - {"sess:id-0", "sess:id-2", "sess:id-4"} == left


@pytest.mark.parametrize(
    ("words", "answer", "code", "said"),
    [
        (["--where", "userId=0"], "n\n", 1, "Erase a user with 3 sessions in table"),
        (["--where", "other=0"], "", 2, "not in the option special_keys"),
        ([], "", 2, "--where"),
    ],
)
def test_nothing_is_erased_without_a_user_and_a_yes(
    erase: Run,
    client: DynamoDBClient,
    table_name: str,
    words: list[str],
    answer: str,
    code: int,
    said: str,
) -> None:
    before = keys(client, table_name)
    result = erase(*words, input=answer)
    assert code == result.exit_code
    assert said in result.stderr
    assert before == keys(client, table_name)
