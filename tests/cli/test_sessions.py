"""sessions list and show."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from beaker_dynamodb import DynamoDBNamespaceManager, SessionStore, StoreUnavailable
from tests.cli.conftest import DIGEST, SPECIAL, Given, Run, Sent, Words
from tests.clock import Clock
from tests.opening import payload
from tests.servers.endpoint import Endpoint
from tests.sessions.site import Site, store


@pytest.mark.parametrize("where", [(), ("--where", "userId=1")])
def test_list_shows_digests_and_no_payload(run: Run, filled: Given, where: Words) -> None:
    result = run("sessions", "list", *SPECIAL, *where)
    assert 0 == result.exit_code
    lines = result.stdout.splitlines()[1:]
    assert ["@"] * (2 if where else 5) == [line[0] for line in lines]
    assert "id-" not in result.stdout
    assert "secret" not in result.stdout
    assert re.search(r" (read|no) units? used\.$", result.stderr.strip())


def test_list_as_json_with_ids(run: Run, filled: Given) -> None:
    answer = json.loads(run("sessions", "list", *SPECIAL, "--json", "--show-ids").stdout)
    assert {f"id-{n}" for n in range(5)} == {one["id"] for one in answer["sessions"]}
    assert {0, 1} == {one["special"]["userId"] for one in answer["sessions"]}
    answer = json.loads(run("sessions", "list", *SPECIAL, "--json", "--limit", "2").stdout)
    assert 2 == len(answer["sessions"])
    assert "id" not in answer["sessions"][0]


def test_show_takes_an_id_a_digest_or_stdin(run: Run, filled: Given) -> None:
    by_id = run("sessions", "show", "id-0", "--json", *SPECIAL)
    assert DIGEST == json.loads(by_id.stdout)["digest"]
    assert "secret" not in by_id.output
    for name, extra in ((DIGEST, {}), ("-", {"input": "id-0\n"})):
        result = run("sessions", "show", name, "--json", "--payload", *SPECIAL, **extra)
        answer = json.loads(result.stdout)
        assert ("pickle", "secret-0") == (answer["format"], answer["payload"]["secret"])
    shown = run("sessions", "show", DIGEST, "--payload", "--where", "userId=0", *SPECIAL)
    assert '"secret": "secret-0"' in shown.stdout


def test_show_verifies_with_the_ini_secret(run: Run, options: Given, tmp_path: Path) -> None:
    secrets = {"the secret of the site": 0, "another secret, 16 bytes": 1}
    site = Site("ours", {**options, "secret": next(iter(secrets))})
    session_id = site(lambda session: (store(user="Ada")(session), session.id)).result[1]
    for secret, exit_code in secrets.items():
        ini = tmp_path / "production.ini"
        ini.write_text(f"[app:main]\nsession.type = ext:dynamodb\nsession.secret = {secret}\n")
        words = ("sessions", "show", "-", "--payload", "--ini", str(ini))
        result = run(*words, input=session_id)
        assert exit_code == result.exit_code
        assert ("signature is wrong" in result.stderr) is bool(exit_code)


def test_an_unknown_or_expired_session_is_an_error(run: Run, filled: Given) -> None:
    for words in (["show", "unknown"], ["show", "old"], ["show", "@0123456789abcdef"]):
        result = run("sessions", *words, *SPECIAL)
        assert (1, "") == (result.exit_code, result.stdout)
        assert "the session does not exist" in result.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["list", "--sort", "used"], "--sort requires --where"),
        (["list", "--where", "userId=1", "--consistent"], "DynamoDB's indexes lag"),
        (["list", "--json", "--jsonl"], "--json and --jsonl cannot be combined"),
        (["list", "--used-after", "soon"], "neither a time (2026-11-24T04:23Z) nor an age"),
        (["list", "--used-after", "9999999w"], "neither a time"),
        (["list", "--where", "userId"], "is not KEY=VALUE"),
        (["list", "--where", "userId=many"], "--where 'userId=many': is not a number"),
        (["list", "--where", "userId=nan"], "DynamoDB cannot store NaN"),
        (["list", "--where", "userId=1e999"], "DynamoDB cannot store this number"),
        (["list", "--where", "name=x"], "is not in the option special_keys"),
    ],
)
def test_wrong_arguments_are_refused(run: Run, words: Words, said: str) -> None:
    result = run("sessions", *words, *SPECIAL)
    assert (2, "") == (result.exit_code, result.stdout)
    assert said in result.stderr


def test_where_compares_numbers_exactly(run: Run, options: Given) -> None:
    flags = ("--special-keys", "n:N:index")
    number = "0.12345678901234567890123"
    session = DynamoDBNamespaceManager("id", **options, special_keys="n:N:index")
    session["session"] = payload(n=Decimal(number))
    listed = run("sessions", "list", "--where", f"n={number}", "--json", *flags)
    assert 1 == len(json.loads(listed.stdout)["sessions"])


# -- order, periods, formats ----------------------------------------------------------------------

START = 4_000_000_000


@pytest.fixture
def aged(options: Given) -> None:
    """Three sessions, an hour apart: s0 was used last, s2 started last."""
    clock = Clock(START)
    special = {**options, "special_keys": "userId:N:index", "clock": clock}
    for n in range(3):
        clock.now = START + 3600 * n
        DynamoDBNamespaceManager(f"s{n}", **special)["session"] = payload(userId=1)
    clock.now = START + 3 * 3600
    DynamoDBNamespaceManager("s0", **special)["session"] = payload(userId=1, extra=1)


def listed(run: Run, *words: str) -> list[str]:
    result = run("sessions", "list", "--jsonl", "--show-ids", *SPECIAL, *words)
    assert 0 == result.exit_code, result.stderr
    return [json.loads(line)["id"] for line in result.stdout.splitlines()]


@pytest.mark.both_servers
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--sort", "created"], ["s2", "s1", "s0"]),
        (["--sort", "used"], ["s0", "s2", "s1"]),
        (["--sort", "used", "--limit", "1"], ["s0"]),
        (["--sort", "expires", "--created-before", "2096-10-02T08:06:40Z"], ["s0"]),
        (["--sort", "used", "--used-after", "2096-10-02T08:06:39+00:00"], ["s0", "s2", "s1"]),
        (["--sort", "used", "--used-after", "2096-10-02T08:06:40"], ["s0", "s2"]),
        (["--sort", "used", "--used-before", "2096-10-02T09:06:41"], ["s2", "s1"]),
        (["--created-after", "2096-10-03"], []),
        (["--created-before", "90m"], []),
    ],
)
def test_a_users_sessions_are_sorted_and_selected_by_time(
    run: Run, aged: None, words: Words, expected: list[str]
) -> None:
    assert expected == listed(run, "--where", "userId=1", *words)
    if "--sort" not in words:
        assert expected == listed(run, *words)


def test_times_are_iso_8601_in_utc(run: Run, aged: None) -> None:
    line = run("sessions", "list", "--jsonl", *SPECIAL, "--used-before", "2096-10-02T08:10Z").stdout
    assert "2096-10-02T08:06:40Z" == json.loads(line)["created"]
    for words in (["list"], ["show", "s1"]):
        assert "  2096-10-02T08:06:40Z" in run("sessions", *words).stdout


# -- what is read ---------------------------------------------------------------------------------


@pytest.fixture
def crowd(options: Given, endpoint: Endpoint, table_name: str) -> None:
    """150 sessions of 1 KB each, and 50 cache entries."""
    DynamoDBNamespaceManager("first", **options)["session"] = payload()
    (item,) = endpoint.client.scan(TableName=table_name)["Items"]
    padded = {**item, "data": {"B": bytes(1000)}}
    kinds = {"sess:": ("beaker-session", 150), "cache:n|": ("beaker-cache", 50)}
    puts: list[Any] = [
        {"PutRequest": {"Item": {**padded, "id": {"S": f"{prefix}{n}"}, "type": {"S": kind}}}}
        for prefix, (kind, number) in kinds.items()
        for n in range(number)
    ]
    for start in range(0, 200, 25):
        endpoint.client.batch_write_item(RequestItems={table_name: puts[start : start + 25]})


@pytest.mark.both_servers
def test_a_limited_list_reads_small_pages_and_stops(
    run: Run, crowd: None, sent: Sent, endpoint: Endpoint
) -> None:
    answer = json.loads(run("sessions", "list", "--limit", "20", "--json").stdout)
    assert 20 == len(answer["sessions"])
    scans = [params for method, params in sent if method == "scan"]
    assert 1 <= len(scans) <= 2
    assert 40 == scans[0]["Limit"]
    assert not any(params["ConsistentRead"] for params in scans)
    if endpoint.name == "local":
        # 40 items of 1.1 KB, at half a unit for each 4 KB.
        assert 5 <= answer["capacity_units"]["read"] <= 6


def test_pages_grow_where_sessions_are_rare(run: Run, crowd: None, sent: Sent) -> None:
    run("sessions", "list", "--limit", "1", "--created-after", "2100-01-01")
    assert [25, 100, 400] == [params["Limit"] for method, params in sent if method == "scan"]


@pytest.mark.both_servers
@pytest.mark.parametrize(
    ("words", "until"),
    [
        (["list"], ""),
        (["list", "--limit", "1"], " until --limit is reached"),
        (["show", DIGEST], " until the session is found"),
    ],
)
@pytest.mark.parametrize("consistent", [False, True])
def test_a_scan_is_announced_with_the_size_of_the_table(
    run: Run, filled: Given, sent: Sent, words: Words, until: str, consistent: bool
) -> None:
    flags = ["--consistent"] if consistent else []
    result = run("sessions", *words, *flags, *SPECIAL, after=["--consistent-read", "true"])
    first = result.stderr.splitlines()[0]
    # DynamoDB Local may have deleted the expired session.
    assert re.search(rf"'{until} \(about (9|10) items, ", first)
    assert first.endswith("; DescribeTable's figures, up to six hours old).")
    assert {consistent} == {params["ConsistentRead"] for method, params in sent if method == "scan"}


@pytest.mark.parametrize("words", [["list", "--where", "userId=0"], ["show", "id-0"]])
def test_only_a_scan_is_announced(run: Run, filled: Given, sent: Sent, words: Words) -> None:
    result = run("sessions", *words, *SPECIAL)
    assert "Scanning" not in result.stderr
    assert [False] == [params.get("ConsistentRead", False) for _, params in sent]


@pytest.mark.parametrize(("words", "lines"), [([], 26), (["--jsonl"], 25)])
def test_rows_appear_as_soon_as_they_are_known(
    run: Run, crowd: None, monkeypatch: pytest.MonkeyPatch, words: Words, lines: int
) -> None:
    real = SessionStore.sessions

    def sessions(*given: Any, **extra: Any) -> Any:
        yield from islice(real(*given, **extra), 25)
        raise StoreUnavailable("stopped")

    monkeypatch.setattr(SessionStore, "sessions", sessions)
    result = run("sessions", "list", *words)
    assert (1, lines) == (result.exit_code, len(result.stdout.splitlines()))
