"""The smallest slice of the benchmark runs, and its tables go where they belong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks import docs
from benchmarks.__main__ import main
from benchmarks.load import Client
from benchmarks.servers import stores
from benchmarks.workload import CHANGE_EVERY, mix, session_data, session_json

if TYPE_CHECKING:
    from benchmarks.driver import Cookies
    from tests.servers.endpoint import Endpoint


@pytest.mark.full
@pytest.mark.usefixtures("local_endpoint")  # fails, or skips, where DynamoDB Local cannot be had
def test_smallest_slice(tmp_path: Path) -> None:
    """`--smoke` runs our two ways and the limits, leaves nobody out, and counts exactly."""
    main(["--smoke", "--out", str(tmp_path)])
    result: dict[str, Any] = json.loads((tmp_path / "result.json").read_text())
    assert {} == result["left_out"]
    names = ["ours", "beaker", "boto3", "signed"]
    assert names == [row["candidate"] for row in result["capacity"]]
    assert [(1.0, 0.1)] * 4 == [(row["reads"], row["writes"]) for row in result["capacity"]]
    # Four KB of data are compressed to less than two, and every tenth request writes them.
    assert [(1.0, 0.2)] * 4 == [
        (row["read_units"], row["write_units"]) for row in result["capacity"]
    ]
    loads = {(row["store"], row["candidate"], row["clients"]) for row in result["mix"]}
    stores = ["DynamoDB Local", "canned, 0 ms"]
    assert {(store, name, count) for store in stores for name in names for count in (1, 2)} == loads
    assert {*names, "boto3-beaker"} == {row["candidate"] for row in result["first"]}
    assert [1, 10] == [row["items"] for row in result["growth"]]
    assert "### Goals" in (tmp_path / "result.md").read_text()


def test_mix() -> None:
    """Of any number of clients, a tenth of the requests change a key, each at another moment."""
    for clients in (1, 8, 32):
        paths = [list(mix(client, CHANGE_EVERY)) for client in range(clients)]
        assert {1} == {path.count("/change") for path in paths}
    assert 10 == len({tuple(mix(client, CHANGE_EVERY)) for client in range(32)})


@pytest.mark.parametrize("size_kb", [1, 4, 16, 64])
def test_sizes(size_kb: int) -> None:
    """A session has the wanted size to a line of its basket, and is the same in every process."""
    length = len(session_json(size_kb))
    assert 0 <= length - (size_kb * 1024 - 100) < 300
    assert session_data(size_kb) == json.loads(session_json(size_kb))


def test_lost_sessions_are_noticed() -> None:
    """A candidate that answers quickly, because it forgets, is no candidate."""

    class Forgetful:
        def open(self, path: str, cookies: Cookies) -> str:
            return "0"

        def processor_seconds(self) -> float:
            return 0.0

        def peak_memory_kb(self) -> int:
            return 0

    client = Client()
    client.open(Forgetful(), "/read")
    with pytest.raises(RuntimeError, match="the session is lost"):
        client.open(Forgetful(), "/change")


def test_tables_in_pages() -> None:
    """New tables take the place of the old ones between the markers; all else stays."""
    page = "before\n<!-- results -->\nold\nrows\n<!-- /results -->\nafter\n"
    expected = "before\n<!-- results -->\nnew \\1\n<!-- /results -->\nafter\n"
    assert expected == docs.replaced(page, "results", "new \\1")
    with pytest.raises(ValueError, match="there is no <!-- other -->"):
        docs.replaced(page, "other", "new")


def test_pages_have_the_markers() -> None:
    """Each page that `--docs` writes has the places that it writes to."""
    for page, parts in docs.PAGES.items():
        text = (stores.ROOT / page).read_text()
        for name in parts:
            assert text == docs.replaced(text, name, content(text, name))


def content(text: str, name: str) -> str:
    """Give what stands between the markers of that name."""
    return text.partition(f"<!-- {name} -->\n")[2].partition(f"<!-- /{name} -->")[0]


def test_canned_answers(moto_endpoint: Endpoint) -> None:
    """The canned server gives back what was put, as DynamoDB does."""
    from benchmarks.fleet import create_table, dynamodb_client
    from benchmarks.servers.stores import canned
    from benchmarks.store import Store

    answers = []
    with canned((0,)) as (store,):
        for url in (store.url, moto_endpoint.url):
            client = dynamodb_client(Store("", "dynamodb", url))
            create_table(client, "canned-answers")
            key = {"id": {"S": "1"}}
            missing = client.get_item(TableName="canned-answers", Key=key)
            client.put_item(TableName="canned-answers", Item={**key, "data": {"B": b"old"}})
            client.update_item(
                TableName="canned-answers",
                Key=key,
                UpdateExpression="SET #data = :new",
                ExpressionAttributeNames={"#data": "data"},
                ExpressionAttributeValues={":new": {"B": b"new"}},
            )
            found = client.get_item(TableName="canned-answers", Key=key)
            answers.append((missing.get("Item"), found["Item"]))
    assert (None, {"id": {"S": "1"}, "data": {"B": b"new"}}) == answers[1]
    assert answers[1] == answers[0]
