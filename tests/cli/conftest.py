"""A table, and the command run on it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from click.testing import CliRunner, Result

from beaker_dynamodb import DynamoDBNamespaceManager
from beaker_dynamodb.cli.main import cli
from beaker_dynamodb.dynamodb.calls import TableCalls
from tests.opening import payload
from tests.servers.endpoint import DynamoDBClient, Endpoint, create_table

#: The special keys of `filled`, and the digest of its session "id-0".
SPECIAL = ("--special-keys", "userId:N:index")
DIGEST = "@a9412fdddb26a113"

Run = Callable[..., Result]
Keys = Callable[[], set[str]]
Described = Callable[[], dict[str, Any]]
#: Options of a namespace manager.
Given = dict[str, Any]
Words = Sequence[str]
Sent = list[tuple[str, dict[str, Any]]]


@pytest.fixture
def options(options: dict[str, Any], shape: str) -> dict[str, Any]:
    return {**options, "sort_key": "part"} if shape == "sorted" else options


@pytest.fixture
def run(endpoint: Endpoint, table_name: str, shape: str) -> Run:
    """Runs a command on the test's table; the flags in ``after`` override the table's."""
    where = [
        *("--table-name", table_name, "--endpoint-url", endpoint.url, "--region-name", "eu-west-1"),
        *("--aws-access-key-id", endpoint.options["aws_access_key_id"]),
        *("--aws-secret-access-key", endpoint.options["aws_secret_access_key"]),
        # The timeouts of a web request, so that the command uses the test's client.
        *("--read-timeout", "2", "--max-attempts", "3"),
        *(("--sort-key", "part") if shape == "sorted" else ()),
    ]

    def run(*arguments: str, after: Sequence[str] = (), **extra: Any) -> Result:
        return CliRunner().invoke(cli, [*arguments, *where, *after], **extra)

    return run


@pytest.fixture
def filled(options: dict[str, object], client: DynamoDBClient, table_name: str) -> dict[str, Any]:
    """Five sessions of two users, an expired one, three cache entries, a foreign item."""
    special = {**options, "special_keys": "userId:N:index"}
    for n in range(5):
        session = DynamoDBNamespaceManager(f"id-{n}", **special)
        session["session"] = payload(userId=n % 2, secret=f"secret-{n}")
    late = {**special, "clock": lambda: time.time() - 1e6}
    DynamoDBNamespaceManager("old", **late)["session"] = payload(userId=1)
    for n in range(3):
        DynamoDBNamespaceManager("news", **options)[f"key-{n}"] = "x" * 3000 * n
    client.put_item(TableName=table_name, Item={"id": {"S": "foreign"}, "list": {"L": []}})
    return special


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Sent:
    """The calls on items, as method and parameters, whatever client sends them."""
    calls: Sent = []
    real = TableCalls.call

    def call(self: TableCalls, method: str, **params: Any) -> Any:
        calls.append((method, params))
        return real(self, method, **params)

    monkeypatch.setattr(TableCalls, "call", call)
    return calls


@pytest.fixture
def keys(client: DynamoDBClient, table_name: str) -> Keys:
    return lambda: {item["id"]["S"] for item in client.scan(TableName=table_name)["Items"]}


@pytest.fixture
def bare_table(client: DynamoDBClient, table_name: str) -> None:
    """A table without indexes and without time to live."""
    create_table(client, table_name)


@pytest.fixture
def described(client: DynamoDBClient, table_name: str) -> Described:
    return lambda: dict(client.describe_table(TableName=table_name)["Table"])


@pytest.fixture
def time_to_live(client: DynamoDBClient, table_name: str) -> Callable[[], str | None]:
    """Returns the attribute by which the table's items expire."""

    def attribute() -> str | None:
        found = client.describe_time_to_live(TableName=table_name)
        return found["TimeToLiveDescription"].get("AttributeName")

    return attribute
