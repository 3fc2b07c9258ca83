"""sessions list, show and revoke; clear; stats; reap: on a table with a few items of each kind."""

from __future__ import annotations

import json
import time
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from beaker_dynamodb import DynamoDBNamespaceManager
from beaker_dynamodb.ops import cli_reap
from beaker_dynamodb.ops.stats import BARS, prefix
from tests.contract.opening import payload
from tests.ops.conftest import Run

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

SPECIAL = ("--special-keys", "userId:N", "--index-keys", "userId")
#: SHA-256 of "id-0", its first 16 digits.
DIGEST = "@a9412fdddb26a113"


@pytest.fixture
def filled(options: dict[str, object], client: DynamoDBClient, table_name: str) -> dict[str, Any]:
    """Five sessions of two users, one that has expired, three cache entries, and a stranger."""
    special = {**options, "special_keys": "userId:N", "index_keys": "userId"}
    for n in range(5):
        session = DynamoDBNamespaceManager(f"id-{n}", **special)
        session["session"] = payload(userId=n % 2, secret=f"secret-{n}")
    late = {**special, "clock": lambda: time.time() - 1e6}
    DynamoDBNamespaceManager("old", **late)["session"] = payload(userId=1)
    for n in range(3):
        DynamoDBNamespaceManager("news", **options)[f"key-{n}"] = "x" * 3000 * n
    client.put_item(TableName=table_name, Item={"id": {"S": "stranger"}, "list": {"L": []}})
    return special


def ids(client: DynamoDBClient, table_name: str) -> set[str]:
    """Give the keys of all items."""
    return {item["id"]["S"] for item in client.scan(TableName=table_name)["Items"]}


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
@pytest.mark.parametrize("endpoint", ["moto"], indirect=True)
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


def test_clear_with_nobody_to_ask(run: Run, filled: dict[str, Any]) -> None:
    """Where nothing can be read from, --yes is named; nothing is deleted."""
    result = run("clear", "--namespace", "news", input="")
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


def test_stats(run: Run, filled: dict[str, Any]) -> None:
    """Counts by prefix and type, live and expired; strangers only by number."""
    answer = json.loads(run("stats", "--json").stdout)
    caches, sessions = answer["groups"]
    assert ("cache:", "beaker-cache", 3, 0) == tuple(caches.values())[:4]
    assert ("sess:", "beaker-session", 5, 1) == tuple(sessions.values())[:4]
    assert 1 == answer["foreign"]
    assert 6 == sum(sessions["sizes"].values())
    assert 1.0 == sessions["read_units_per_request"]
    assert 1.0 == sessions["write_units_per_request"]
    assert 3000 > caches["largest"], "it is compressed"


def test_stats_for_people(run: Run, filled: dict[str, Any]) -> None:
    """The histogram has a bar for each size there is; the scan says what it cost."""
    result = run("stats")
    assert 0 == result.exit_code
    assert "█" in result.stdout
    assert "1 of the items are not of this package." in result.stdout
    assert "The scan used " in result.stdout
    assert run("stats", "--units-per-second", "0").exit_code == 2


def test_stats_with_damaged_items(
    run: Run, filled: dict[str, Any], client: DynamoDBClient, table_name: str
) -> None:
    """Odd keys, times and attributes of an item, or a wrong --hash-key, stop nothing."""
    kind = {"S": "beaker-session"}
    for key, created in (("[/x]:\x1b[31m:a", {"N": "1e30"}), ("[prod]:b", {"S": "today"})):
        item = {"id": {"S": key}, "type": kind, "created": created, "deadline": {"S": "x"}}
        client.put_item(TableName=table_name, Item=item)
    result = run("stats")
    assert 0 == result.exit_code
    assert "[/x]:\\u001b[31m: beaker-session" in result.stdout
    assert "[prod]: beaker-session" in result.stdout
    assert "unknown" in result.stdout
    assert "\x1b" not in result.stdout
    groups = json.loads(run("stats", "--hash-key", "foo", "--json").stdout)["groups"]
    assert {"", 8} == {groups[1]["prefix"], groups[1]["live"] + groups[1]["expired"]}


def test_stats_of_a_missing_table(run: Run, table_name: str) -> None:
    """Looking makes no table: an error that says how one is made."""
    result = run("stats")
    assert (2, "") == (result.exit_code, result.stdout)
    mend = f"table '{table_name}' does not exist: make it with beaker-dynamodb create-table"
    assert f"beaker-dynamodb: error: {mend}\n" == result.stderr


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("sess:abc", "sess:"),
        ("shop:two:abc", "shop:two:"),
        ("cache:news|a:b|c", "cache:"),
        ("cache:|lock|news|key", "cache:"),
        ("abc", ""),
    ],
)
def test_the_prefix_of_a_key(key: str, expected: str) -> None:
    """It ends with the last colon before the first bar: none is in an id or a namespace."""
    assert expected == prefix(key)


def test_the_histogram_ends_at_dynamodbs_limit() -> None:
    """No item is larger than the last bar."""
    assert 409_600 == BARS[-1]


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
    monkeypatch.setattr(cli_reap, "reaped", lambda *_, **__: (_ for _ in ()))
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
@pytest.mark.parametrize("endpoint", ["moto"], indirect=True)
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
    monkeypatch.setattr(cli_reap, "reaped", lambda *_, **__: (_ for _ in ()))
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
