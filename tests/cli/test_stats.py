"""stats, and what commands show of their work: progress, sizes and consumed capacity."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any

import pytest

from beaker_dynamodb import AccessDenied, DynamoDBNamespaceManager
from beaker_dynamodb.cli import scans
from beaker_dynamodb.cli.capacity import Call, Capacity
from beaker_dynamodb.cli.counts import BARS, prefix
from beaker_dynamodb.dynamodb import table_state
from tests.cli.conftest import Given, Run, Sent, Words
from tests.servers.endpoint import Endpoint, create_table

#: The number of items in `filled`: DynamoDB Local may have deleted the expired one.
TEN = "(9|10)"


@pytest.mark.both_servers
def test_items_are_counted_by_prefix_kind_and_namespace(run: Run, filled: Given) -> None:
    for name in ("news", "größe|x", "", "n" * 800):
        DynamoDBNamespaceManager(name, **filled)["k"] = 1
    del DynamoDBNamespaceManager("", **filled)["k"]
    answer = json.loads(run("stats", "--json").stdout)
    groups = {(one["prefix"], one["type"]): one for one in answer["groups"]}
    caches, sessions = groups["cache:", "beaker-cache"], groups["sess:", "beaker-session"]
    assert (6, 0) == (caches["live"], caches["expired"])
    assert 5 == sessions["live"]
    assert 1 == groups["cache:", "beaker-tombstone"]["live"]
    found = {one["namespace"]: one["live"] for one in caches["namespaces"]}
    assert {"news": 4, "größe|x": 1, "n" * 800: 1} == found
    assert 1 == answer["foreign"]
    assert sum(sessions["sizes"].values()) == 5 + sessions["expired"]
    assert (1.0, 1.0) == (sessions["read_units_per_request"], sessions["write_units_per_request"])
    assert 3000 > caches["largest"], "it is compressed"
    for group in (caches, sessions):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", group["oldest"])
        assert group["oldest"] <= group["newest"]


def test_the_human_readable_output(run: Run, filled: Given) -> None:
    for n in range(21):
        DynamoDBNamespaceManager(f"more-{n}", **filled)["k"] = 1
    result = run("stats")
    assert 0 == result.exit_code
    for shown in ("█", "sess: sessions ", "cache: cache entries ", "1 unit, on average"):
        assert shown in result.stdout
    assert re.search(r"^ *namespace +live +expired +size *$", result.stdout, re.MULTILINE)
    assert re.search(r"^ *news +3 +0 +", result.stdout, re.MULTILINE)
    assert "and 2 namespaces more; see --json" in result.stdout
    assert "1 item belongs to another program." in result.stdout
    assert 2 == run("stats", "--units-per-second", "0").exit_code


@pytest.mark.both_servers
@pytest.mark.parametrize("consistent", [False, True])
def test_the_scan_is_announced_and_reads_consistently_on_request(
    run: Run, filled: Given, sent: Sent, consistent: bool
) -> None:
    flags = ["--consistent"] if consistent else []
    result = run("stats", *flags, after=["--consistent-read", "true"])
    first, *_, last = result.stderr.splitlines()
    assert re.search(rf"' \(about {TEN} items, ", first)
    assert {consistent} == {params["ConsistentRead"] for _, params in sent}
    assert re.fullmatch(rf"{TEN} items counted; .* used.", last)


@pytest.mark.both_servers
def test_an_estimate_reads_no_items(run: Run, filled: Given, sent: Sent) -> None:
    shown = run("stats", "--estimate")
    assert re.search(rf"': about {TEN} items, ", shown.stdout)
    assert shown.stdout.endswith(" to scan; DescribeTable's figures, up to six hours old.\n")
    answer = json.loads(run("stats", "--estimate", "--json").stdout)
    assert {"items", "bytes", "scan_read_units"} == answer.keys()
    assert re.fullmatch(TEN, str(answer["items"]))
    assert ("", []) == (shown.stderr, sent)


def test_without_permission_to_describe_the_table_its_size_is_unknown(
    run: Run, filled: Given, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise AccessDenied("not allowed")

    monkeypatch.setattr(table_state, "describe", refuse)
    assert "size unknown: dynamodb:DescribeTable is not allowed" in run("stats").stderr


def test_damaged_items_and_a_wrong_hash_key_are_counted(
    run: Run, filled: Given, endpoint: Endpoint, table_name: str
) -> None:
    damaged = {"deadline": {"S": "x"}}
    for key, kind, extra in (
        ("[/x]:\x1b[31m:a", "beaker-session", {**damaged, "created": {"N": "1e30"}}),
        ("[prod]:b", "beaker-session", {**damaged, "created": {"S": "today"}}),
        ("x", "beaker-new", {}),
        ("sess:|migration|x", "beaker-migration", {}),
    ):
        item = {"id": {"S": key}, "type": {"S": kind}, **extra}
        endpoint.client.put_item(TableName=table_name, Item=item)
    result = run("stats")
    assert 0 == result.exit_code
    for shown in (
        "[/x]:\\u001b[31m: sessions",
        "[prod]: sessions",
        "unknown",
        "(no prefix) beaker-new ",
        "sess: records of migrated sessions ",
    ):
        assert shown in result.stdout
    groups = json.loads(run("stats", "--hash-key", "foo", "--json").stdout)["groups"]
    (sessions,) = [one for one in groups if one["type"] == "beaker-session"]
    assert ("", 8) == (sessions["prefix"], sessions["live"] + sessions["expired"])


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
    assert expected == prefix(key)


def test_the_last_bar_is_dynamodbs_limit() -> None:
    assert 409_600 == BARS[-1]


@pytest.mark.parametrize(
    ("words", "passes"),
    [
        (["stats"], 1),
        (["sessions", "list"], 1),
        (["sessions", "list", "--json"], 1),
        (["sessions", "revoke", "--all", "--dry-run"], 1),
        (["sessions", "revoke", "--all", "--yes"], 2),
        (["clear", "--namespace", "news", "--yes"], 1),
    ],
)
def test_a_scan_shows_progress_with_a_total(
    run: Run, filled: Given, monkeypatch: pytest.MonkeyPatch, words: Words, passes: int
) -> None:
    shown: list[tuple[str, float | None, list[float]]] = []

    @contextmanager
    def progress(what: str, total: float | None) -> Iterator[Callable[[float], None]]:
        amounts: list[float] = []
        shown.append((what, total, amounts))
        yield amounts.append

    monkeypatch.setattr(scans, "progress", progress)
    assert 0 == run(*words).exit_code
    assert passes == len(shown)
    what, total, amounts = shown[0]
    items = 10  # in `filled`
    assert ("items read", items, items) == (what, total, sum(amounts))


@pytest.mark.parametrize(
    ("bytes", "shown"), [(0, "0 bytes"), (1, "1 byte"), (1536, "1.5 KB"), (3 * 1024**3, "3.0 GB")]
)
def test_sizes(bytes: int, shown: str) -> None:
    assert shown == scans.size(bytes)


def test_calls_of_all_threads_are_summed(local_endpoint: Endpoint, table_name: str) -> None:
    client = local_endpoint.client
    key = {"id": {"S": "a"}}
    with Capacity(client, client) as used:
        create_table(client, table_name)
        thread = Thread(
            target=client.put_item,
            kwargs={"TableName": table_name, "Item": {**key, "data": {"B": bytes(5000)}}},
        )
        thread.start()
        thread.join()
        client.get_item(TableName=table_name, Key=key)
        delete: Any = [{"DeleteRequest": {"Key": key}}]
        client.batch_write_item(RequestItems={table_name: delete})
    client.get_item(TableName=table_name, Key=key)
    assert ("1 read and 10 write units", 1, 1) == (
        str(used),
        used.batch_deletes,
        used.created_tables,
    )


def test_errors_are_passed_on_and_consume_nothing(endpoint: Endpoint, table_name: str) -> None:
    client = endpoint.client
    calls: list[Call] = []
    with (
        Capacity(client, on_call=calls.append) as used,
        pytest.raises(client.exceptions.ResourceNotFoundException),
    ):
        client.get_item(TableName=table_name, Key={"id": {"S": "a"}})
    assert ["GetItem"] == [call.operation for call in calls]
    assert {"TableName": table_name, "Key": {"id": {"S": "a"}}}.items() <= calls[0].params.items()
    assert "no units" == str(used)


def test_unprocessed_deletes_do_not_count() -> None:
    requests: Any = {"table": [{"DeleteRequest": {}}, {"DeleteRequest": {}}, {"PutRequest": {}}]}
    answer: Any = {"UnprocessedItems": {"table": [{"DeleteRequest": {}}]}}
    assert 1 == Call("BatchWriteItem", {"RequestItems": requests}, answer).batch_deletes
    assert 0 == Call("BatchWriteItem", {"RequestItems": requests}, {"Error": {}}).batch_deletes


@pytest.mark.parametrize(
    ("read", "write", "shown"),
    [
        (0, 0, "no units"),
        (0.5, 0, "0.5 read units"),
        (1, 0, "1 read unit"),
        (1_234_567.5, 10, "1,234,567.5 read and 10 write units"),
        (0, 1, "1 write unit"),
    ],
)
def test_units_are_shown_in_full(read: float, write: float, shown: str) -> None:
    used = Capacity()
    used.read_units, used.write_units = read, write
    assert shown == str(used)
