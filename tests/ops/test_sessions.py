"""sessions list, show and revoke; clear: on a table with a few items of each kind."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import click
import pytest

from beaker_dynamodb import DynamoDBNamespaceManager
from tests.contract.opening import payload
from tests.ops.conftest import Run, ids

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

SPECIAL = ("--special-keys", "userId:N", "--index-keys", "userId")
#: SHA-256 of "id-0", its first 16 digits.
DIGEST = "@a9412fdddb26a113"


@pytest.mark.parametrize("where", [(), ("--where", "userId=1")])
def test_list_shows_digests_and_no_payload(
    run: Run, filled: dict[str, Any], where: tuple[str, ...]
) -> None:
    """Live sessions only, without ids and payload; what it cost goes to stderr."""
    result = run("sessions", "list", *SPECIAL, *where)
    assert 0 == result.exit_code
    lines = result.stdout.splitlines()[1:]
    assert (2 if where else 5) == len(lines)
    assert all(line.startswith("@") for line in lines)
    assert "id-" not in result.stdout
    assert "secret" not in result.stdout
    assert "read units used" in result.stderr or "no units used" in result.stderr


def test_list_as_json_with_ids(run: Run, filled: dict[str, Any]) -> None:
    """--show-ids adds ids, --limit ends the list."""
    answer = json.loads(run("sessions", "list", *SPECIAL, "--json", "--show-ids").stdout)
    assert {f"id-{n}" for n in range(5)} == {one["id"] for one in answer["sessions"]}
    assert {0, 1} == {one["special"]["userId"] for one in answer["sessions"]}
    answer = json.loads(run("sessions", "list", *SPECIAL, "--json", "--limit", "2").stdout)
    assert 2 == len(answer["sessions"])
    assert "id" not in answer["sessions"][0]


def test_show_by_id_digest_and_stdin(run: Run, filled: dict[str, Any]) -> None:
    """The three ways to name a session find the same one; its payload only on request."""
    by_id = run("sessions", "show", "id-0", "--json", *SPECIAL)
    assert DIGEST == json.loads(by_id.stdout)["digest"]
    assert "secret" not in by_id.output
    for name, more in ((DIGEST, {}), ("-", {"input": "id-0\n"})):
        result = run("sessions", "show", name, "--json", "--payload", *SPECIAL, **more)
        answer = json.loads(result.stdout)
        assert ("pickle", "secret-0") == (answer["format"], answer["payload"]["secret"])
    shown = run("sessions", "show", DIGEST, "--payload", "--where", "userId=0", *SPECIAL)
    assert '"secret": "secret-0"' in shown.stdout


def test_a_session_that_is_not_there(run: Run, filled: dict[str, Any]) -> None:
    """Neither an unknown nor an expired one can be shown or revoked: exit code 1."""
    for words in (["show", "nobody"], ["show", "old"], ["revoke", "@0123456789abcdef"]):
        result = run("sessions", *words, *SPECIAL)
        assert (1, "") == (result.exit_code, result.stdout)
        assert "there is no such session" in result.stderr


def test_revoke_all_but_one(
    run: Run, filled: dict[str, Any], client: DynamoDBClient, table_name: str
) -> None:
    """A user is logged out everywhere else; others keep their sessions."""
    result = run("sessions", "revoke", "--where", "userId=0", "--keep", DIGEST, *SPECIAL)
    assert "2 sessions revoked; " in result.stdout
    left = {key for key in ids(client, table_name) if key.startswith("sess:id-")}
    assert {"sess:id-0", "sess:id-1", "sess:id-3"} == left


def test_revoke_one(run: Run, filled: dict[str, Any]) -> None:
    """By its id; the second time it is not there."""
    assert 1 == json.loads(run("sessions", "revoke", "id-3", "--json").stdout)["revoked"]
    assert 1 == run("sessions", "revoke", "id-3").exit_code


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["revoke"], "name a session, or --where"),
        (["revoke", "id", "--keep", "other"], "--keep goes with --where only"),
        (["list", "--where", "userId"], "is not KEY=VALUE"),
        (["list", "--where", "userId=many"], "--where 'userId=many': is no number"),
        (["list", "--where", "userId=nan"], "NaN and infinity are no numbers"),
        (["list", "--where", "userId=1e999"], "no number of DynamoDB's"),
        (["list", "--where", "name=x"], "is none of the option special_keys"),
    ],
)
def test_wrong_use(run: Run, words: list[str], said: str) -> None:
    """Is said in one line, with exit code 2, before anything is read."""
    result = run("sessions", *words, *SPECIAL)
    assert (2, "") == (result.exit_code, result.stdout)
    assert said in result.stderr


def test_clear_asks(run: Run, filled: dict[str, Any]) -> None:
    """Without a yes nothing is deleted; with one, or --yes, the namespace's entries are."""
    refused = run("clear", "--namespace", "news", input="n\n")
    assert 1 == refused.exit_code
    assert 3 == len(DynamoDBNamespaceManager("news", **plain(filled)).keys())
    taken = run("clear", "--namespace", "news", input="y\n")
    assert "3 items deleted; " in taken.stdout
    assert [] == DynamoDBNamespaceManager("news", **plain(filled)).keys()
    again = json.loads(run("clear", "--namespace", "news", "--yes", "--json").stdout)
    assert 0 == again["deleted"]


def plain(given: dict[str, Any]) -> dict[str, Any]:
    """Leave the special keys out, which a cache has not."""
    return {name: given[name] for name in given if name not in ("special_keys", "index_keys")}


def test_clear_with_nobody_to_ask(
    run: Run, filled: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nothing can be read from, --yes is named; nothing is deleted."""

    def nobody(*_: object, **__: object) -> bool:
        raise click.Abort

    monkeypatch.setattr(click, "confirm", nobody)
    result = run("clear", "--namespace", "news")
    assert (2, "") == (result.exit_code, result.stdout)
    assert "there is nobody to ask: give --yes" in result.stderr.splitlines()[-1]
    assert 3 == len(DynamoDBNamespaceManager("news", **plain(filled)).keys())


def test_a_number_of_many_digits_is_found(run: Run, options: dict[str, Any]) -> None:
    """--where takes a number as exactly as DynamoDB keeps it."""
    flags = ("--special-keys", "n:N", "--index-keys", "n")
    number = "0.12345678901234567890123"
    session = DynamoDBNamespaceManager("id", **options, special_keys="n:N", index_keys="n")
    session["session"] = payload(n=Decimal(number))
    listed = run("sessions", "list", "--where", f"n={number}", "--json", *flags)
    assert 1 == len(json.loads(listed.stdout)["sessions"])


HOSTILE = "\x1b[31mRED\x1b[0m\nfake-row\r\x9b\u202e"


@pytest.mark.parametrize(
    "words", [["list"], ["list", "--show-ids"], ["show", "i\x1bd"], ["show", "i\x1bd", "--payload"]]
)
def test_stored_texts_reach_no_terminal(
    run: Run, options: dict[str, Any], words: list[str]
) -> None:
    """Escape sequences and ends of lines in a session are shown, not obeyed; JSON keeps them."""
    special = {"special_keys": "name:S", "skip_throw_missing_special_keys": True}
    session = DynamoDBNamespaceManager("i\x1bd", **options, **special)
    value = {"name": HOSTILE, "odd \ud800": [1e999, 10**5000]}
    session["session"] = payload(**value)
    flags = ("--special-keys", "name:S")
    for result in (run("sessions", *words, *flags), run("sessions", *words, "--json", *flags)):
        assert 0 == result.exit_code
        assert not [one for one in result.output if not one.isprintable() and one != "\n"]
        assert "fake-row" not in [line.strip() for line in result.stdout.splitlines()]
    answer = json.loads(result.stdout)
    if words[0] == "show":
        assert HOSTILE == answer["special"]["name"]
    if "--payload" in words:
        assert HOSTILE == answer["payload"]["name"]
        assert ["inf", "an integer of 16,610 bits"] == answer["payload"]["odd \ud800"]


def test_clear_leaves_all_else(
    run: Run, filled: dict[str, Any], client: DynamoDBClient, table_name: str
) -> None:
    """Sessions, neighbours and strangers stay."""
    DynamoDBNamespaceManager("newspaper", **plain(filled))[b"key"] = 1
    before = ids(client, table_name)
    run("clear", "--namespace", "news", "--yes")
    assert {key for key in before if not key.startswith("cache:news|")} == ids(client, table_name)
