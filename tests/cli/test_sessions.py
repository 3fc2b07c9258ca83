"""sessions list, show and revoke."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from beaker_dynamodb import DynamoDBNamespaceManager
from tests.cli.conftest import Run, keys
from tests.opening import payload

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

SPECIAL = ("--special-keys", "userId:N:index")
#: The first 16 digits of the SHA-256 of "id-0".
DIGEST = "@a9412fdddb26a113"


@pytest.mark.parametrize("where", [(), ("--where", "userId=1")])
def test_list_shows_digests_and_no_payload(
    run: Run, filled: dict[str, Any], where: tuple[str, ...]
) -> None:
    result = run("sessions", "list", *SPECIAL, *where)
    assert 0 == result.exit_code
    lines = result.stdout.splitlines()[1:]
    assert (2 if where else 5) == len(lines)
    assert all(line.startswith("@") for line in lines)
    assert "id-" not in result.stdout
    assert "secret" not in result.stdout
    assert "read units used" in result.stderr or "no units used" in result.stderr


def test_list_as_json_with_ids(run: Run, filled: dict[str, Any]) -> None:
    answer = json.loads(run("sessions", "list", *SPECIAL, "--json", "--show-ids").stdout)
    assert {f"id-{n}" for n in range(5)} == {one["id"] for one in answer["sessions"]}
    assert {0, 1} == {one["special"]["userId"] for one in answer["sessions"]}
    answer = json.loads(run("sessions", "list", *SPECIAL, "--json", "--limit", "2").stdout)
    assert 2 == len(answer["sessions"])
    assert "id" not in answer["sessions"][0]


def test_show_takes_an_id_a_digest_or_stdin(run: Run, filled: dict[str, Any]) -> None:
    by_id = run("sessions", "show", "id-0", "--json", *SPECIAL)
    assert DIGEST == json.loads(by_id.stdout)["digest"]
    assert "secret" not in by_id.output
    for name, more in ((DIGEST, {}), ("-", {"input": "id-0\n"})):
        result = run("sessions", "show", name, "--json", "--payload", *SPECIAL, **more)
        answer = json.loads(result.stdout)
        assert ("pickle", "secret-0") == (answer["format"], answer["payload"]["secret"])
    shown = run("sessions", "show", DIGEST, "--payload", "--where", "userId=0", *SPECIAL)
    assert '"secret": "secret-0"' in shown.stdout


def test_an_unknown_or_expired_session_is_an_error(run: Run, filled: dict[str, Any]) -> None:
    for words in (["show", "unknown"], ["show", "old"], ["revoke", "@0123456789abcdef"]):
        result = run("sessions", *words, *SPECIAL)
        assert (1, "") == (result.exit_code, result.stdout)
        assert "there is no such session" in result.stderr


def test_revoke_keeps_named_sessions_and_other_users(
    run: Run, filled: dict[str, Any], client: DynamoDBClient, table_name: str
) -> None:
    result = run("sessions", "revoke", "--where", "userId=0", "--keep", DIGEST, *SPECIAL)
    assert "2 sessions revoked; " in result.stdout
    left = {key for key in keys(client, table_name) if key.startswith("sess:id-")}
    assert {"sess:id-0", "sess:id-1", "sess:id-3"} == left


def test_revoke_one_by_its_id(run: Run, filled: dict[str, Any]) -> None:
    assert 1 == json.loads(run("sessions", "revoke", "id-3", "--json").stdout)["revoked"]
    assert 1 == run("sessions", "revoke", "id-3").exit_code


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["revoke"], "name a session, or --where"),
        (["revoke", "id", "--keep", "other"], "--keep goes with --where only"),
        (["list", "--where", "userId"], "is not KEY=VALUE"),
        (["list", "--where", "userId=many"], "--where 'userId=many': is not a number"),
        (["list", "--where", "userId=nan"], "DynamoDB cannot store NaN"),
        (["list", "--where", "userId=1e999"], "DynamoDB cannot store this number"),
        (["list", "--where", "name=x"], "is not in the option special_keys"),
    ],
)
def test_wrong_arguments_are_refused(run: Run, words: list[str], said: str) -> None:
    result = run("sessions", *words, *SPECIAL)
    assert (2, "") == (result.exit_code, result.stdout)
    assert said in result.stderr


def test_where_compares_numbers_exactly(run: Run, options: dict[str, Any]) -> None:
    flags = ("--special-keys", "n:N:index")
    number = "0.12345678901234567890123"
    session = DynamoDBNamespaceManager("id", **options, special_keys="n:N:index")
    session["session"] = payload(n=Decimal(number))
    listed = run("sessions", "list", "--where", f"n={number}", "--json", *flags)
    assert 1 == len(json.loads(listed.stdout)["sessions"])
