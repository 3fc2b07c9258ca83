"""stats."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from beaker_dynamodb import AccessDenied, DynamoDBNamespaceManager
from beaker_dynamodb.cli.counts import BARS, prefix
from beaker_dynamodb.dynamodb import table_state
from tests.cli.conftest import Given, Run, Sent
from tests.servers.endpoint import Endpoint

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
