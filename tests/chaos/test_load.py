"""Under every fault, no acknowledged write is lost, no user is logged out, and errors are specific.

The environment variable ``BEAKER_DYNAMODB_CHAOS=10`` makes every load ten times longer.
"""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any

import pytest

from tests.chaos import faults
from tests.chaos.faults import KINDS, SHARES
from tests.chaos.inputs import HOW_MANY, ON_REQUEST
from tests.chaos.load import judge, run
from tests.chaos.proxy import Plan
from tests.chaos.visitors import Ledger, Visitor
from tests.servers.endpoint import Endpoint, create_table

TIMES = int(os.environ.get("BEAKER_DYNAMODB_CHAOS", "1"))


@pytest.mark.full
# `tox -e chaos` and `python -m tests.chaos.report` test all shares.
@pytest.mark.parametrize("share", SHARES if HOW_MANY is ON_REQUEST else [0.5])
@pytest.mark.parametrize("name", KINDS)
def test_acknowledged_writes_survive_faults(
    local_endpoint: Endpoint, table_name: str, name: str, share: float
) -> None:
    create_table(local_endpoint.client, table_name)
    options = {**local_endpoint.options, "table_name": table_name}
    outcome = run(options, KINDS[name], share, TIMES)
    assert outcome.faults > 0
    assert {} == outcome.damage
    assert [] == outcome.strange_errors(KINDS[name])


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
