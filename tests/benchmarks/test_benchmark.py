"""The benchmark runs, and its tables are written to the right pages."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks import docs, goals, plots
from benchmarks.__main__ import main
from benchmarks.candidates import BY_NAME
from benchmarks.fleet import Fleet, create_table, dynamodb_client, environment, spread
from benchmarks.load import Client
from benchmarks.measure import growth, scaling
from benchmarks.measure.mix import scenarios
from benchmarks.plan import FULL, SMOKE
from benchmarks.servers import stores
from benchmarks.store import Store
from benchmarks.workload import CHANGE_EVERY, mix, session_data, session_json

if TYPE_CHECKING:
    from benchmarks.driver import Cookies
    from tests.servers.endpoint import Endpoint

#: Replaces measured ratios, which are random in a short run.
RATIO_OF_ONE = {"processor_us_ratio": {"median": 1.0, "min": 1.0, "max": 1.0}}


@pytest.mark.full
@pytest.mark.usefixtures("local_endpoint")  # fails, or skips, where DynamoDB Local cannot be had
def test_the_smallest_run(tmp_path: Path) -> None:
    main(["--smoke", "--out", str(tmp_path)])
    result: dict[str, Any] = json.loads((tmp_path / "result.json").read_text())
    assert {} == result["left_out"]
    names = ["ours", "ours-auto", "boto3"]
    assert names == [row["candidate"] for row in result["capacity"]]
    assert [(1.0, 0.1)] * 3 == [(row["reads"], row["writes"]) for row in result["capacity"]]
    # Four KB of data are compressed to less than two, and every tenth request writes them.
    units = {
        row["candidate"]: (row["read_units"], row["write_units"]) for row in result["capacity"]
    }
    assert dict.fromkeys(names, (1.0, 0.2)) | {"ours-auto": (0.5, 0.2)} == units
    loads = {(row["store"], row["candidate"], row["clients"]) for row in result["mix"]}
    stores = ["DynamoDB Local", "canned, 0 ms"]
    assert {(store, name, count) for store in stores for name in names for count in (1, 2)} == loads
    assert {*names, "boto3-beaker"} == {row["candidate"] for row in result["first"]}
    assert [1, 10] == [row["items"] for row in result["growth"]]
    text = (tmp_path / "result.md").read_text()
    assert "the best peer" not in text  # no peer runs
    assert "default boto3 client, over TLS" in text
    assert ["ours"] == [row["candidate"] for row in result["served"]]
    assert "growth of open descriptors after 200 requests by 32 threads" in text
    assert "a request that reads, 64 special keys to 1" in text
    assert "| 64 | 1 GetItem; 1 GetItem, 1 PutItem |" in text


def test_growth_fills_one_of_two_tables(local_endpoint: Endpoint) -> None:
    local = Store("DynamoDB Local", "dynamodb", local_endpoint.url)
    client = dynamodb_client(local)
    counts = []

    def tell(_: str) -> None:
        tables = (growth.FILLED, growth.SINGLE)
        counts.append([client.scan(TableName=table)["Count"] for table in tables])

    with Fleet(["ours"], {}) as fleet:
        rows = growth.measure(replace(SMOKE, items=100), fleet, local, tell)
    tell("the last step")
    assert [[1, 1], [1, 1], [10, 1], [100, 1]] == counts
    assert [1, 10, 100] == [row["items"] for row in rows]
    assert [True, True] == [
        goal.met for goal in goals.growth_goals([row | RATIO_OF_ONE for row in rows])
    ]


LOCAL, *CANNED = (Store(name, "dynamodb", name) for name in ("local", "0", "2", "5"))
SCENARIOS = {
    (one.store.name, one.size_kb, one.clients): one for one in scenarios(FULL, LOCAL, CANNED)
}


def test_a_full_run_has_every_size_client_count_and_store() -> None:
    sizes = [(size, 1) for size in (1, 4, 16, 64)]
    everything = {*sizes, (4, 8), (4, 32), (16, 32)}
    loads = {"local": everything, "0": everything}
    loads |= {store: {(4, 1), (4, 8), (4, 32)} for store in ("2", "5")}
    assert {(store, *load) for store in loads for load in loads[store]} == set(SCENARIOS)
    assert min(one.rounds for one in SCENARIOS.values()) > 1
    assert {200} == {one.requests for one in SCENARIOS.values() if one.clients == 1}
    assert {0} == {one.requests % CHANGE_EVERY for one in SCENARIOS.values()}


def test_peers_and_slow_candidates_skip_some_loads() -> None:
    ours, peer, slow = (
        BY_NAME[name] for name in ("ours-boto3", "flask-session", "dynamodb-session-flask")
    )
    assert (True, True) == tuple(SCENARIOS["2", 4, 1].takes(one) for one in (ours, peer))
    assert (True, False) == tuple(SCENARIOS["2", 4, 8].takes(one) for one in (ours, peer))
    assert (True, True) == tuple(SCENARIOS["5", 4, 8].takes(one) for one in (peer, slow))
    assert (True, False) == tuple(SCENARIOS["0", 16, 32].takes(one) for one in (peer, slow))
    assert (200, 20) == tuple(SCENARIOS["0", 4, 1].requests_of(one) for one in (peer, slow))
    assert CHANGE_EVERY == SCENARIOS["0", 4, 32].requests_of(slow)


@pytest.mark.full
def test_the_clients_of_other_stores_are_not_imported() -> None:
    script = (
        "import sys; from benchmarks.candidates import bare, beaker_sessions as ours;"
        "from benchmarks.store import Store; store = Store('', 'dynamodb', 'http://127.0.0.1:9');"
        "(ours.ours if sys.argv[1] == 'ours' else bare.boto3_calls_beside_beaker)(store);"
        "print(*(name for name in"
        " ('pymongo', 'redis', 'sqlalchemy', 'beaker.session') if sys.modules.get(name)))"
    )
    said = [
        subprocess.run(
            [sys.executable, "-c", script, name],
            cwd=stores.ROOT,
            env=environment(),
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for name in ("ours", "bare")
    ]
    assert ["beaker.session\n"] * 2 == said


def test_the_scaling_ceiling_depends_on_processor_time() -> None:

    class Measured:
        def __init__(self, processor_ms: float, lost: float) -> None:
            self.processor_ms, self.lost = processor_ms, lost

        def ask(self, do: str, *, clients: int, requests: int = 0, **_: object) -> Any:
            one = 1.1 * 5 + self.processor_ms
            each = one if clients == 1 else self.processor_ms * self.lost
            return {
                "latencies_ms": [each] * requests * clients,
                "processor_seconds": self.processor_ms / 1000 * requests * clients,
                "wall_seconds": each / 1000 * requests * clients,
            }

    def ratio(lost: float) -> list[float]:
        fleet: Any = SimpleNamespace(processes={"ours": Measured(2, lost), "boto3": Measured(1, 1)})
        plan = replace(FULL, delays_ms=(5,))
        (row,) = scaling.measure(plan, fleet, [Store("canned, 5 ms", "dynamodb", "")])
        return [round(row[name]["median"], 2) for name in ("ratio", "plain_ratio")]

    assert [1.0, 0.58] == ratio(1)
    assert [0.5, 0.29] == ratio(2)


def test_numbers_in_plots_and_tables() -> None:
    assert ["21,970", "100", "34", "0.4"] == [plots.label(value) for value in (21970, 100, 34, 0.4)]
    assert "1.50 (1.00 to 2.00)" == goals.spread_text(spread([1.0, 2.0]), ".2f")
    assert "1.00" == goals.spread_text(spread([1.0]), ".2f")


def test_a_tenth_of_the_requests_are_changes() -> None:
    for clients in (1, 8, 32):
        paths = [list(mix(client, CHANGE_EVERY)) for client in range(clients)]
        assert {1} == {path.count("/change") for path in paths}
    assert 10 == len({tuple(mix(client, CHANGE_EVERY)) for client in range(32)})


@pytest.mark.parametrize("size_kb", [1, 4, 16, 64])
def test_session_sizes(size_kb: int) -> None:
    length = len(session_json(size_kb))
    assert 0 <= length - (size_kb * 1024 - 100) < 300
    assert session_data(size_kb) == json.loads(session_json(size_kb))


def test_a_lost_session_is_an_error() -> None:

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


def test_new_tables_replace_those_between_markers() -> None:
    page = "before\n<!-- results -->\nold\nrows\n<!-- /results -->\nafter\n"
    expected = "before\n<!-- results -->\nnew \\1\n<!-- /results -->\nafter\n"
    assert expected == docs.replaced(page, "results", "new \\1")
    with pytest.raises(ValueError, match="<!-- other --> … <!-- /other --> is missing"):
        docs.replaced(page, "other", "new")


def test_every_page_has_its_markers() -> None:
    for pages in (docs.PAGES, docs.GROWTH_PAGES):
        for page, parts in pages.items():
            text = (stores.ROOT / page).read_text()
            for name in parts:
                content = text.partition(f"<!-- {name} -->\n")[2].partition(f"<!-- /{name} -->")[0]
                assert text == docs.replaced(text, name, content)


def test_the_canned_server_answers_like_dynamodb(moto_endpoint: Endpoint) -> None:
    answers = []
    with stores.canned((0,)) as (store,):
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
