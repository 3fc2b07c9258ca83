"""The table and its indexes: created when missing, and errors if an existing table differs."""

from __future__ import annotations

import json
import logging
import shlex
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from beaker_dynamodb import ConfigurationError, DynamoDBNamespaceManager
from beaker_dynamodb.config.parse import parse
from beaker_dynamodb.dynamodb import indexes, table
from tests.servers.endpoint import DynamoDBClient
from tests.servers.recorder import CallRecorder
from tests.sessions.site import Action, Site, log_out, store, values
from tests.stubbed import Script

both_servers = pytest.mark.both_servers


@pytest.fixture
def options(options: dict[str, Any], shape: str) -> dict[str, Any]:
    return {**options, "sort_key": "part"} if shape == "sorted" else options


def describe(client: DynamoDBClient, table_name: str) -> Any:
    return client.describe_table(TableName=table_name)["Table"]


def time_to_live(client: DynamoDBClient, table_name: str) -> tuple[str, str | None]:
    found = client.describe_time_to_live(TableName=table_name)["TimeToLiveDescription"]
    return found["TimeToLiveStatus"], found.get("AttributeName")


@both_servers
@pytest.mark.both_shapes
def test_the_first_access_creates_the_table(
    options: dict[str, Any], client: DynamoDBClient, table_name: str
) -> None:
    manager = DynamoDBNamespaceManager("id", **options)
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        describe(client, table_name)
    with pytest.raises(KeyError, match="session"):
        manager["session"]
    table = describe(client, table_name)
    assert "ACTIVE" == table["TableStatus"]
    assert "PAY_PER_REQUEST" == table["BillingModeSummary"]["BillingMode"]
    keys = [("id", "HASH"), ("part", "RANGE")][: 2 if "sort_key" in options else 1]
    assert keys == [(key["AttributeName"], key["KeyType"]) for key in table["KeySchema"]]
    assert {"S"} == {name["AttributeType"] for name in table["AttributeDefinitions"]}
    assert ("ENABLED", "expires") == time_to_live(client, table_name)
    with CallRecorder(manager.client) as calls:
        manager[b"k"] = 1
        assert 1 == manager[b"k"]
    assert ["PutItem", "GetItem"] == calls.operations


def test_the_first_write_creates_the_table(
    options: dict[str, Any], client: DynamoDBClient, table_name: str
) -> None:
    names = {"hash_key": "sid", "ttl_attribute": "ttl", "read_capacity_units": "7"}
    manager = DynamoDBNamespaceManager("pages", **options, **names)
    manager[b"k"] = 1
    assert 1 == manager[b"k"]
    table = describe(client, table_name)
    assert "sid" == table["KeySchema"][0]["AttributeName"]
    assert ("ENABLED", "ttl") == time_to_live(client, table_name)
    units = table["ProvisionedThroughput"]
    assert (7, 5) == (units["ReadCapacityUnits"], units["WriteCapacityUnits"])


@both_servers
def test_two_processes_create_the_table(
    options: dict[str, Any],
    client: DynamoDBClient,
    table_name: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    barrier = threading.Barrier(2)

    def write(number: int) -> None:
        # Another connection, as in another process.
        manager = DynamoDBNamespaceManager("pages", **options, read_timeout=7 + number)
        send = manager.client.create_table

        def create_table(**params: Any) -> Any:
            barrier.wait(60)
            return send(**params)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(manager.client, "create_table", create_table)
            manager[str(number).encode()] = number

    with caplog.at_level(logging.WARNING), ThreadPoolExecutor(2) as threads:
        list(threads.map(write, range(2)))
    assert [] == caplog.messages
    assert [b"0", b"1"] == sorted(DynamoDBNamespaceManager("pages", **options).keys())
    assert ("ENABLED", "expires") == time_to_live(client, table_name)


@both_servers
@pytest.mark.parametrize(
    ("existing", "wanted", "message"),
    [
        ({"hash_key": "sid"}, {}, r"partition key 'sid' \(S\), .* say partition key 'id' \(S\)"),
        ({"sort_key": "part"}, {}, r"and sort key 'part' \(S\), .* say partition key 'id' \(S\)"),
        ({}, {"sort_key": "part"}, r"has partition .* say .* and sort key 'part' \(S\)"),
    ],
)
def test_a_table_with_a_different_key(
    options: dict[str, Any], existing: dict[str, str], wanted: dict[str, str], message: str
) -> None:
    DynamoDBNamespaceManager("pages", **options, **existing).keys()
    manager = DynamoDBNamespaceManager("pages", **options, **wanted)
    with pytest.raises(ConfigurationError, match=message):
        manager["session"]


# moto accepts a string as a number.
@pytest.mark.parametrize("engine", ["local"], scope="session")
def test_a_table_whose_key_has_the_wrong_type(
    options: dict[str, Any], client: DynamoDBClient, table_name: str
) -> None:
    client.create_table(
        TableName=table_name,
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "N"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    with pytest.raises(ConfigurationError, match=r"'id' \(N\).* 'id' \(S\)"):
        DynamoDBNamespaceManager("id", **options)["session"]


@pytest.mark.parametrize("action", [values, store(a=1), log_out], ids=["read", "write", "log out"])
@pytest.mark.parametrize("middleware", ["ours", "beaker"])
def test_a_deleted_table_is_created_again(
    options: dict[str, Any],
    client: DynamoDBClient,
    table_name: str,
    middleware: str,
    action: Action,
) -> None:
    site = Site(middleware, options)
    cookie = site(store(name="Ada")).cookie
    client.delete_table(TableName=table_name)
    site(action, cookie)
    cookie = site(store(name="Grace")).cookie
    assert {"name": "Grace"} == site(values, cookie).result
    assert ("ENABLED", "expires") == time_to_live(client, table_name)


@pytest.mark.parametrize("middleware", ["ours", "beaker"])
def test_a_session_whose_table_is_deleted_during_the_request_is_dropped(
    options: dict[str, Any], client: DynamoDBClient, table_name: str, middleware: str
) -> None:
    site = Site(middleware, options)
    cookie = site(store(name="Ada")).cookie

    def delete_table(session: object) -> None:
        values(session)
        client.delete_table(TableName=table_name)
        store(a=1)(session)

    site(delete_table, cookie)
    assert [] == client.scan(TableName=table_name)["Items"]


def test_a_deleted_table_is_an_error_until_it_exists_again(
    options: dict[str, Any], client: DynamoDBClient, table_name: str
) -> None:
    cookie = Site("ours", options)(store(name="Ada")).cookie
    site = Site("ours", {**options, "create_table": False})
    assert {"name": "Ada"} == site(values, cookie).result
    client.delete_table(TableName=table_name)
    for action in (values, store(a=1), log_out):
        with pytest.raises(ConfigurationError, match=table_name):
            site(action, cookie)
    Site("ours", options)(values, cookie)  # creates it
    assert {"name": "Grace"} == site(values, site(store(name="Grace")).cookie).result


def test_a_new_table_that_is_not_ready_for_time_to_live_is_a_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    script = Script().refuse("get_item", "ResourceNotFoundException")
    script.answer("create_table", None, {})
    script.answer("describe_table", None, {"Table": {"TableStatus": "ACTIVE"}})
    script.refuse("update_time_to_live", "ResourceNotFoundException")
    script.refuse("describe_time_to_live", "ResourceNotFoundException")
    script.answer("get_item", None, {})
    with script:
        assert b"k" not in script.manager(table_name="unknown-to-time-to-live")
    assert "time to live could not be enabled (the table does not exist)" in caplog.text


TYPES = {"userId": "S", "logins": "N", "user.blob": "B", "admin": "BOOL"}


def special(*indexed: str) -> dict[str, Any]:
    keys = {name: f"{kind}:index" if name in indexed else kind for name, kind in TYPES.items()}
    return {"special_keys": keys}


def comparable(index: Any) -> dict[str, Any]:
    """Return the parts that definitions and descriptions of an index share."""
    units = index.get("ProvisionedThroughput", {})
    return {
        "name": index["IndexName"],
        "key": index["KeySchema"],
        "type": index["Projection"]["ProjectionType"],
        "attributes": sorted(index["Projection"]["NonKeyAttributes"]),
        "units": [units.get(name) or 0 for name in ("ReadCapacityUnits", "WriteCapacityUnits")],
    }


@pytest.mark.both_servers
@pytest.mark.parametrize("capacity", [{}, {"read_capacity_units": 7}])
def test_indexes_are_created_with_the_table(
    client: DynamoDBClient, options: dict[str, Any], capacity: dict[str, Any]
) -> None:
    keys = special("userId", "logins", "user.blob")
    parsed = parse({**options, **keys, **capacity})
    table.create(client, parsed, time.sleep)
    description = client.describe_table(TableName=parsed.table_name)["Table"]
    found = {
        index["IndexName"]: comparable(index) for index in description["GlobalSecondaryIndexes"]
    }
    assert found == {index["IndexName"]: comparable(index) for index in indexes.definitions(parsed)}
    assert {"beaker-logins", "beaker-user.blob", "beaker-userId"} == set(found)
    assert [[7, 5] if capacity else [0, 0]] * 3 == [index["units"] for index in found.values()]
    assert [] == indexes.missing(parsed, description)


def test_an_index_does_not_contain_the_payload() -> None:
    (index,) = indexes.definitions(parse(special("logins")))
    assert [{"AttributeName": "logins", "KeyType": "HASH"}] == index["KeySchema"]
    assert {
        "ProjectionType": "INCLUDE",
        "NonKeyAttributes": [
            *["expires", "accessed", "created", "deadline", "namespace", "type"],
            *["userId", "user.blob", "admin"],
        ],
    } == index["Projection"]


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("userId", "beaker-userId"),
        ("user.id", "beaker-user.id"),
        ("größe", "beaker-d353a267"),
        ("k" * 248, "beaker-" + "k" * 248),
        ("k" * 249, "beaker-a6ba261a"),
    ],
)
def test_every_index_name_is_valid(key: str, expected: str) -> None:
    name = indexes.index_name(key)
    assert 3 <= len(name) <= 255
    assert name.isascii()
    assert expected == name[: len(expected)]


def test_the_aws_command_creates_the_key_and_the_indexes() -> None:
    options = parse({"special_keys": "user id:S:index", "sort_key": "part"})
    words = shlex.split(table.aws_command(options))
    request = table.definition(options)
    for option, name in [
        ("--attribute-definitions", "AttributeDefinitions"),
        ("--key-schema", "KeySchema"),
        ("--global-secondary-indexes", "GlobalSecondaryIndexes"),
    ]:
        assert request[name] == json.loads(words[words.index(option) + 1])
