"""doctor: each check by itself, and the command on good and bad tables."""

from __future__ import annotations

import json
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError
from click.testing import CliRunner

from beaker_dynamodb import DynamoDBNamespaceManager
from beaker_dynamodb.cli import checks
from beaker_dynamodb.cli.checks import ERROR, OK, WARNING
from beaker_dynamodb.cli.checks_items import ThrowAway
from beaker_dynamodb.cli.diagnosis import examine
from beaker_dynamodb.cli.iam_policy import ON_TABLE, USES, policy
from beaker_dynamodb.cli.main import cli
from beaker_dynamodb.cli.settings import Settings
from beaker_dynamodb.config.parse import Options, parse
from beaker_dynamodb.items.store import ItemStore
from tests.contract.opening import payload
from tests.ops.conftest import Run
from tests.ops.test_policy import allowed
from tests.servers.endpoint import create_table

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

    from tests.servers.endpoint import Endpoint

INDEXED = ("--special-keys", "userId:S", "--index-keys", "userId")
KEYS = ("--signing-keys", "a key of sixteen bytes and more")


def statuses(run: Run, *flags: str) -> dict[str, str]:
    """Run doctor and give each check's status."""
    answer = json.loads(run("doctor", "--json", *flags).stdout)
    return {check["name"]: check["status"] for check in answer["checks"]}


@pytest.mark.parametrize("sort_key", [(), ("--sort-key", "part")])
def test_a_good_table_is_ok(run: Run, sort_key: tuple[str, ...]) -> None:
    """Every check of a table that create-table made is ok, with signatures; exit code 0."""
    flags = (*INDEXED, *KEYS, *sort_key)
    run("create-table", *flags)
    result = run("doctor", *flags)
    assert 0 == result.exit_code, result.output
    assert {"ok"} == {line.split()[0] for line in result.stdout.splitlines()[:-1]}
    assert result.stdout.splitlines()[-1].endswith(" ok, 0 warnings, 0 errors")
    assert ("Query " in result.stdout) is bool(sort_key)
    assert "Query, beaker-userId" in result.stdout


def test_nothing_is_left_behind(run: Run, client: DynamoDBClient, table_name: str) -> None:
    """The item on which the operations are tried is gone afterwards."""
    run("create-table")
    run("doctor")
    assert [] == client.scan(TableName=table_name)["Items"]


def test_a_missing_table_is_told_and_not_made(
    run: Run, client: DynamoDBClient, table_name: str
) -> None:
    """It is a warning where the application would make it, and an error where it would not."""
    assert WARNING == statuses(run)["table"]
    result = run("doctor", "--create-table", "false")
    assert 1 == result.exit_code
    assert "-> beaker-dynamodb create-table" in result.stdout
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.describe_table(TableName=table_name)


def test_time_to_live_that_is_off_or_elsewhere_is_an_error(
    run: Run, client: DynamoDBClient, table_name: str
) -> None:
    """Expired items would stay for ever: exit code 1."""
    create_table(client, table_name)
    assert ERROR == statuses(run)["time to live"]
    assert 1 == run("doctor").exit_code
    run("create-table")
    assert OK == statuses(run)["time to live"]
    result = run("doctor", "--ttl-attribute", "ttl")
    assert "goes by 'expires', and the items have 'ttl'" in result.stdout


def test_another_key_and_a_missing_index_are_errors(run: Run) -> None:
    """The key that the options say is not the table's; an index of index_keys is not there."""
    run("create-table")
    assert ERROR == statuses(run, "--hash-key", "sid")["key"]
    found = statuses(run, *INDEXED)
    assert (OK, ERROR) == (found["key"], found["indexes"])


def test_a_sample_tells_what_was_written_otherwise(run: Run, options: dict[str, object]) -> None:
    """Items of another codec, and items without a signature, are warnings."""
    session = DynamoDBNamespaceManager("id", **options, compression="zlib")
    session["session"] = payload(text="x" * 2000)
    assert OK == statuses(run)["codec"]
    found = statuses(run, "--compression", "off", *KEYS)
    assert (WARNING, WARNING) == (found["codec"], found["signatures"])
    DynamoDBNamespaceManager("pages", **options)[b"key"] = 1
    assert OK == statuses(run, "--for", "cache")["codec"]
    assert WARNING == statuses(run, "--for", "cache", "--serializer", "json")["codec"]


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({}, WARNING),
        ({"signing_keys": "0123456789abcdef"}, OK),
        ({"signing_keys": "0123456789abcdef", "signing_keys_accept_unsigned": True}, WARNING),
    ],
)
def test_pickle_without_signatures_is_a_warning(given: dict[str, Any], status: str) -> None:
    """Only items that have to be signed are safe."""
    assert status == checks.safety(parse(given)).status


def test_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where they are from is told, what they are is not; none, or a wrong profile, is an error."""
    assert ERROR == checks.credentials(Options()).status
    assert ERROR == checks.credentials(Options(profile_name="nobody")).status
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "very-secret")
    result = checks.credentials(Options())
    assert (OK, "found by AWS's chain: env") == (result.status, result.text)
    given = checks.credentials(Options(aws_access_key_id="AKIAEXAMPLE"))
    assert "AKIA" not in given.text


@pytest.mark.parametrize(
    ("ahead", "status"),
    [(0, OK), (-4, OK), (4, OK), (10, WARNING), (-10, WARNING), (400, ERROR), (-400, ERROR)],
)
def test_clock(ahead: float, status: str) -> None:
    """The clock is held against the Date of an answer, whose seconds are whole."""
    server = 1_700_000_000
    date = formatdate(server, usegmt=True)
    answer = {"ResponseMetadata": {"HTTPHeaders": {"date": date}}}
    now = server + 0.5 + ahead
    result = checks.clock(answer, now, now + 0.01)
    assert status == result.status
    if status != OK:
        assert ("ahead" if ahead > 0 else "behind") in result.text


def test_a_server_that_does_not_tell_the_time() -> None:
    """That is a warning."""
    assert WARNING == checks.clock({"ResponseMetadata": {}}, 0, 0).status


@pytest.mark.parametrize(("seconds", "status"), [(0.004, OK), (0.4, WARNING)])
def test_round_trip(seconds: float, status: str) -> None:
    """The median of five reads counts, so one slow answer does not."""
    slow = [0.0, 5.0]
    clock = iter(slow + [time for n in range(10, 50, 10) for time in (n, n + seconds)])
    calls: list[None] = []
    result = checks.round_trip(lambda: calls.append(None), lambda: next(clock))
    assert (status, 5) == (result.status, len(calls))
    assert result.text.startswith(f"{seconds * 1000:.1f} ms")


def denying(endpoint: Endpoint, *operations: str) -> Any:
    """Give a client that may not do some operations, as IAM would say it."""
    client = boto3.session.Session().client("dynamodb", **endpoint.options)

    def refuse(model: Any, **_: object) -> None:
        if model.name in operations:
            answer = {"Error": {"Code": "AccessDeniedException", "Message": "not authorized"}}
            raise ClientError(answer, model.name)  # type: ignore[arg-type]

    client.meta.events.register("before-call.dynamodb", refuse)
    return client


@pytest.mark.parametrize(
    ("operation", "status"),
    [
        ("GetItem", ERROR),
        ("PutItem", ERROR),
        ("TransactWriteItems", ERROR),
        ("DeleteItem", ERROR),
        ("BatchGetItem", WARNING),
        ("BatchWriteItem", WARNING),
        ("Scan", WARNING),
    ],
)
def test_each_permission_is_tried(
    endpoint: Endpoint, client: DynamoDBClient, table_name: str, operation: str, status: str
) -> None:
    """A missing permission is found; one that no request needs is a warning that says who does."""
    create_table(client, table_name)
    denied = denying(endpoint, operation)
    items = ItemStore(parse({"table_name": table_name, "client": denied}))
    found = {result.name: result for result in ThrowAway(items, "sess:").results()}
    assert status == found[operation].status
    # A transaction has no permission of its own, but those of its parts.
    action = "DeleteItem" if operation == "TransactWriteItems" else operation
    assert f"dynamodb:{action}" in found[operation].text
    assert "beaker-dynamodb policy" in found[operation].mend
    others = {result.status for name, result in found.items() if not name.startswith(operation)}
    assert {OK} == others


def test_the_least_policy_is_enough(
    run: Run, endpoint: Endpoint, client: DynamoDBClient, table_name: str
) -> None:
    """What no request needs may be denied: warnings, and all else is checked; exit code 0."""
    run("create-table", *INDEXED)
    given = {"table_name": table_name, "special_keys": "userId:S", "index_keys": "userId"}
    keys = {"aws_access_key_id": "testkey", "aws_secret_access_key": "testsecret"}
    requests = {
        action.partition(":")[2] for action, _ in allowed(policy(parse(given), ["sessions"]))
    }
    every = {*ON_TABLE, "BatchGetItem", "BatchWriteItem", "Query", "Scan", *requests}
    options = parse({**given, **keys, "client": denying(endpoint, *(every - requests))})
    found = {result.name: result for result in examine(Settings(options))}
    warnings = {name for name, result in found.items() if result.status == WARNING}
    optional = {"BatchGetItem", "BatchWriteItem", "Query, beaker-userId", "Scan", "sample"}
    assert {"table", "time to live", "serializer", *optional} == warnings
    others = {result.status for name, result in found.items() if name not in warnings}
    assert {OK} == others
    assert {"GetItem", "PutItem", "DeleteItem", "clock", "round trip"} <= set(found)
    assert "only for SessionStore and the command sessions" in found["Query, beaker-userId"].mend
    assert "policy --use doctor prints what to allow" in found["table"].mend


def test_a_missing_table_that_may_not_be_described(endpoint: Endpoint, table_name: str) -> None:
    """The reads and writes tell that it is not there, and how it is made."""
    denied = denying(endpoint, "DescribeTable")
    items = ItemStore(parse({"table_name": table_name, "client": denied, "create_table": "false"}))
    found = {result.name: result for result in ThrowAway(items, "sess:").results()}
    for name in ("GetItem", "PutItem", "DeleteItem"):
        assert (ERROR, f"table '{table_name}' does not exist") == (
            found[name].status,
            found[name].text,
        )
        assert found[name].mend.startswith("beaker-dynamodb create-table")


def test_the_mend_names_uses_that_there_are() -> None:
    """Each use that doctor names allows the action that it is named for."""
    for action, (_, flags) in checks.OPTIONAL.items():
        named = flags.replace("--use", "").split()
        options = parse({"sort_key": "part", "special_keys": "u:S", "index_keys": "u"})
        found = {each for name in named for each in USES[name](options)}
        found |= {each for name in named for each in USES[name](Options())}
        assert action in found


def test_a_server_that_cannot_be_reached() -> None:
    """One error with the mend, and nothing else is tried."""
    server = ("--endpoint-url", "http://127.0.0.1:1", "--region-name", "eu-west-1")
    keys = ("--aws-access-key-id", "testkey", "--aws-secret-access-key", "testsecret")
    result = CliRunner().invoke(cli, ["doctor", "--json", "--max-attempts", "1", *server, *keys])
    assert 1 == result.exit_code
    *others, table = json.loads(result.stdout)["checks"]
    assert ["credentials", "region"] == [check["name"] for check in others]
    assert ("table", ERROR) == (table["name"], table["status"])
    assert "no answer" in table["text"]
    assert "endpoint_url" in table["mend"]


def test_no_region() -> None:
    """Without a Region there is no client: an error that says what to set."""
    keys = ("--aws-access-key-id", "testkey", "--aws-secret-access-key", "testsecret")
    result = CliRunner().invoke(cli, ["doctor", *keys])
    assert 1 == result.exit_code
    assert "-> set region_name, or AWS_DEFAULT_REGION" in result.stdout
