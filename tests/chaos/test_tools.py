"""The tools of these tests: the judge of loads, the proxy, the watch for secrets, reports."""

from __future__ import annotations

import logging
import re
import warnings
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import boto3
import pytest
from beaker.exceptions import BeakerWarning
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ConnectionClosedError, ReadTimeoutError

from beaker_dynamodb import DynamoDBError
from tests.chaos import faults
from tests.chaos.faults import KINDS
from tests.chaos.inputs import FULL, ON_REQUEST
from tests.chaos.load import Outcome, judge
from tests.chaos.outage_chart import OUTAGE, SECONDS, Second, draw
from tests.chaos.proxy import Fault, FaultProxy, Plan
from tests.chaos.report import HEAD, line, row
from tests.chaos.visitors import Ledger, Visitor
from tests.chaos.watch import Watch, all_is_seen, secret, texts, whole_run
from tests.docs.pages import page, table
from tests.servers.endpoint import DynamoDBClient, Endpoint, create_table

KEY = {"id": {"S": "a"}}
PATIENT_SECONDS = 60


def through(proxy: FaultProxy, endpoint: Endpoint, read_timeout: float) -> DynamoDBClient:
    """Return a client of the proxy without retries."""
    retries: Any = {"total_max_attempts": 1, "mode": "standard"}
    config = Config(retries=retries, read_timeout=read_timeout)
    options = {**endpoint.options, "endpoint_url": proxy.url}
    return boto3.session.Session().client("dynamodb", **options, config=config)


@pytest.mark.parametrize(
    ("fault", "error", "arrives"),
    [
        (faults.reset_before, ConnectionClosedError, False),
        (faults.reset_after, ConnectionClosedError, True),
        (faults.answer_held, ReadTimeoutError, True),
        (faults.request_held, ReadTimeoutError, True),
        (faults.silence, ReadTimeoutError, False),
        (faults.refusal(500, "InternalServerError"), ClientError, False),
    ],
    ids=["reset before", "reset after", "answer held", "request held", "silence", "refusal"],
)
def test_a_faulted_write_fails_and_arrives_only_with_some_faults(
    proxy: FaultProxy,
    endpoint: Endpoint,
    client: DynamoDBClient,
    table_name: str,
    fault: Fault,
    error: type[BotoCoreError | ClientError],
    arrives: bool,
) -> None:
    create_table(client, table_name)
    plan = proxy.inject(Plan(fault, first=1))
    # Short only where the client must give up.
    timeout = faults.READ_TIMEOUT_SECONDS if error is ReadTimeoutError else PATIENT_SECONDS
    with closing(through(proxy, endpoint, timeout)) as faulted, pytest.raises(error):
        faulted.put_item(TableName=table_name, Item=KEY)
    if fault is not faults.silence:
        proxy.heal()
    found = client.get_item(TableName=table_name, Key=KEY, ConsistentRead=True)
    assert arrives == ("Item" in found)
    assert 1 == plan.faults
    with closing(through(proxy, endpoint, PATIENT_SECONDS)) as healed:
        healed.put_item(TableName=table_name, Item=KEY)


@pytest.mark.parametrize("share", [0.01, 0.5, 1.0])
def test_the_share_is_exact_for_every_100_requests(share: float) -> None:
    plan = Plan(faults.silence, share, operations=["PutItem"])
    taken = [plan.takes("PutItem") for _ in range(300)]
    assert 3 * round(share * 100) == sum(taken) == plan.faults
    assert not plan.takes("GetItem")
    assert 300 == plan.requests


def test_the_watch_finds_secrets_in_records_warnings_and_causes() -> None:
    watch = Watch()
    record = logging.LogRecord("any", logging.DEBUG, "", 1, "%s", (secret("record"),), None)
    watch.emit(record)
    with all_is_seen() as seen:
        warnings.warn(secret("warning"), UserWarning, stacklevel=1)
    watch.look(*seen.shown)
    error = ValueError("no")  # the watch of the run would find it in a package exception
    error.__cause__ = KeyError(secret("cause"))
    watch.look(*texts(error))
    for name in ("record", "warning", "cause"):
        assert any(secret(name) in text for text in watch.found)


def test_the_watch_of_the_run_finds_ids_in_logs_package_warnings_and_errors() -> None:
    watch, ids = Watch(), [f"{number:032x}" for number in range(7)]
    watch.ids.update(ids)

    def fail() -> None:
        try:
            raise KeyError(ids[5])
        except KeyError as error:
            raise DynamoDBError(ids[6]) from error

    with whole_run(watch):
        logging.getLogger().warning(ids[0])
        logging.getLogger("boto3").info("%s", ids[1])
        logging.getLogger("urllib3.util").info("%s", ids[2])
        logging.getLogger("beaker_dynamodb.dynamodb").debug("%s", ids[3])
        package = {"__name__": "beaker_dynamodb.session", "warnings": warnings}
        with pytest.warns(BeakerWarning):
            exec("warnings.warn(shown, kind)", {**package, "shown": ids[4], "kind": BeakerWarning})
        with pytest.raises(DynamoDBError):
            fail()
    assert [] == [id for id in ids if not any(id in text for text in watch.found)]


PAGE = page("docs/explanation/robustness.md").text


def test_the_page_has_every_fault() -> None:
    lines = table("faults").split("\n")
    assert line(HEAD) == lines[0]
    rows = [re.findall(r"[^|]+", row) for row in lines[2:]]
    assert list(KINDS) == [cells[0].strip() for cells in rows]
    assert {(len(HEAD), "0", "0")} == {
        (len(cells), cells[-2].strip(), cells[-1].strip()) for cells in rows
    }


def test_the_page_states_the_numbers_of_examples() -> None:
    sentence = "A full run tries {} orders of sessions, {} of caches and {} inputs".format(
        *FULL.totals
    )
    sentence += "; `tox -e chaos` {}, {} and {}.".format(*ON_REQUEST.totals)
    assert sentence in PAGE


def test_a_row_has_a_cell_for_each_share_and_the_total_damage() -> None:
    calm = Outcome(90, 9, 30, [], [], [], logged_out=0, returned=0, stuck=0)
    rough = Outcome(80, 40, 30, [OSError()], ["token"], [], logged_out=2, returned=1, stuck=0)
    assert "| a fault | 49 of 170 | 30 of 30 | 26 of 30 | 1 | 3 |" == row("a fault", [calm, rough])


COUNTS = [
    Second(0, 150, 40) if number in OUTAGE else Second(140, 0, 40) for number in range(SECONDS)
]


@pytest.mark.full
def test_the_chart_is_repeatable_and_names_what_it_shows(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    first, second = tmp_path / "first.svg", tmp_path / "second.svg"
    draw(COUNTS, "silence", first)
    draw(COUNTS, "silence", second)
    assert first.read_bytes() == second.read_bytes()
    texts = "".join(ElementTree.parse(first).getroot().itertext())
    for name in ("seconds", "failure: silence", "refused (StoreUnavailable)", "the store fails"):
        assert name in texts


@pytest.mark.parametrize(
    ("own", "temporary", "damage"),
    [
        ({"login": "a", "key": ["1", "2"]}, {}, {}),
        ({"login": "a", "key": ["1"]}, {}, {"lost": ["2"]}),
        ({"login": "a", "key": ["1", "2", "2", "9"]}, {}, {"invented": ["9", "2"]}),
        ({"login": "a", "key": ["1", "2"]}, {"login": "a"}, {"returned": 1}),
        ({}, {}, {"lost": ["1", "2"]}),
    ],
    ids=["nothing", "lost", "invented", "returned", "gone"],
)
def test_the_judge_finds_every_damage(
    own: dict[str, Any], temporary: dict[str, Any], damage: dict[str, Any]
) -> None:
    stored = {"own": own, "shared": {"login": "all"}, "temporary": temporary}

    def site(_: object, cookie: str) -> Any:
        return SimpleNamespace(result=stored[cookie])

    readable: Any = site
    visitor = Visitor(readable, "a", ("own", "shared", "temporary"))
    visitor.ledger = Ledger(logout_sent=True, logout_acknowledged=True)
    visitor.ledger.sent["own", "key"] = visitor.ledger.acknowledged["own", "key"] = ["1", "2"]
    outcome = judge(Plan(faults.silence), {visitor: readable}, stuck=0)
    assert damage == outcome.damage
