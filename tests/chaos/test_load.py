"""Under every fault, no acknowledged write is lost, no user is logged out, and errors are specific.

The environment variable ``BEAKER_DYNAMODB_CHAOS=10`` makes every load ten times longer.
"""

from __future__ import annotations

import os

import pytest

from tests.chaos.faults import KINDS, SHARES
from tests.chaos.inputs import HOW_MANY, ON_REQUEST
from tests.chaos.load import run
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
