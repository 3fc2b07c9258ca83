"""What commands show of their work: progress, sizes and consumed capacity."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any

import pytest

from beaker_dynamodb.cli import scans
from beaker_dynamodb.cli.capacity import Call, Capacity
from tests.cli.conftest import Given, Run, Words
from tests.servers.endpoint import Endpoint, create_table


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
