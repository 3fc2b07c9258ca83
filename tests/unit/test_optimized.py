"""Under `python -O`, which leaves `assert` out, everything works as well."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.unit.lean_server import LeanServer
from tests.unit.test_client import OFFLINE

PROGRAM = """
import sys
from beaker_dynamodb import DynamoDBNamespaceManager
options = {{**{options!r}, "endpoint_url": sys.argv[1], "transport": "lean"}}
client = DynamoDBNamespaceManager("n", **options).client
put = dict(TableName="table", Item={{"id": {{"S": "x"}}}})
client.put_item(**put)
for _ in range(5):
    try:
        client.put_item(**put)
    except client.exceptions.ConditionalCheckFailedException:
        print("refused")
"""


@pytest.mark.parametrize("flags", [[], ["-O"]], ids=["plain", "-O"])
def test_a_refused_put_does_not_cost_a_connection(flags: list[str]) -> None:
    body = {"__type": "x#ConditionalCheckFailedException", "message": "no", "Item": {}}
    refusal = {"status": 400, "body": json.dumps(body).encode()}
    with LeanServer({}) as server:
        server.plan = lambda request: refusal if len(server.requests) > 1 else {}
        done = subprocess.run(
            [sys.executable, *flags, "-c", PROGRAM.format(options=OFFLINE), server.url],
            check=True,
            capture_output=True,
            text=True,
        )
        assert ["refused"] * 5 == done.stdout.split()
        assert 1 == server.connections
