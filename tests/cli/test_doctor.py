"""doctor: each check, and the command on good and bad tables."""

from __future__ import annotations

import json
from email.utils import formatdate
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from click.testing import CliRunner

from beaker_dynamodb import DynamoDBNamespaceManager, StoreUnavailable
from beaker_dynamodb.cli import checks
from beaker_dynamodb.cli.check_items import Operations
from beaker_dynamodb.cli.checks import ERROR, OK, WARNING
from beaker_dynamodb.cli.doctor import examine
from beaker_dynamodb.cli.iam_policy import ON_TABLE, USES, policy_document
from beaker_dynamodb.cli.main import cli
from beaker_dynamodb.cli.settings import Settings
from beaker_dynamodb.config.options import Options
from beaker_dynamodb.config.parse import parse
from beaker_dynamodb.items.store import ItemStore
from tests.cli.conftest import Described, Given, Keys, Run, Words
from tests.cli.test_policy import allowed
from tests.opening import payload
from tests.servers.endpoint import Endpoint

INDEXED = ("--special-keys", "userId:S:index")
KEYS = ("--signing-keys", "a key of sixteen bytes and more")
#: Checks that need no table.
ALWAYS = ["items signed", "ids in the table", "user sessions", "events"]
CREDENTIALS = ("--aws-access-key-id", "testkey", "--aws-secret-access-key", "testsecret")


def statuses(run: Run, *flags: str) -> dict[str, str]:
    answer = json.loads(run("doctor", "--json", *flags).stdout)
    return {check["name"]: check["status"] for check in answer["checks"]}


def operations(table_name: str, client: Any, **given: object) -> dict[str, checks.Result]:
    """Return the results of the checks that read and write items."""
    items = ItemStore(parse({"table_name": table_name, "client": client, **given}))
    return {result.name: result for result in Operations(items, "sess:").check()}


@pytest.mark.parametrize("sort_key", [(), ("--sort-key", "part")])
def test_a_good_table_is_ok_and_stays_empty(run: Run, keys: Keys, sort_key: Words) -> None:
    flags = (*INDEXED, *KEYS, *sort_key)
    run("create-table", *flags)
    result = run("doctor", *flags)
    assert 0 == result.exit_code, result.output
    # "->": what to do later
    assert {"ok", "->"} == {line.split()[0] for line in result.stdout.splitlines()[:-1]}
    assert result.stdout.splitlines()[-1].endswith(" ok, 0 warnings, 0 errors")
    assert ("Query " in result.stdout) is bool(sort_key)
    assert "Query, beaker-userId" in result.stdout
    assert set() == keys()


def test_a_missing_table_is_reported_and_not_created(
    run: Run, endpoint: Endpoint, described: Described
) -> None:
    assert WARNING == statuses(run)["table"]
    result = run("doctor", "--create-table", "false")
    assert 1 == result.exit_code
    assert "-> beaker-dynamodb create-table" in result.stdout
    with pytest.raises(endpoint.client.exceptions.ResourceNotFoundException):
        described()


def test_a_table_with_the_wrong_key_has_errors(run: Run, bare_table: None) -> None:
    assert ERROR == statuses(run)["time to live"]
    assert 1 == run("doctor").exit_code
    run("create-table")
    assert OK == statuses(run)["time to live"]
    result = run("doctor", "--ttl-attribute", "ttl")
    assert "is on for 'expires', but the items have 'ttl'" in result.stdout
    assert ERROR == statuses(run, "--hash-key", "sid")["key"]
    found = statuses(run, *INDEXED)
    assert (OK, ERROR) == (found["key"], found["indexes"])
    assert "Query, beaker-userId" not in found


def test_a_sample_shows_items_that_other_options_wrote(run: Run, options: Given) -> None:
    session = DynamoDBNamespaceManager("id", **options, compression="zlib")
    session["session"] = payload(text="x" * 2000)
    assert OK == statuses(run)["codec"]
    found = statuses(run, "--compression", "off", *KEYS)
    assert (WARNING, WARNING) == (found["codec"], found["signatures"])
    DynamoDBNamespaceManager("pages", **options)[b"key"] = 1
    assert OK == statuses(run, "--for", "cache")["codec"]
    assert WARNING == statuses(run, "--for", "cache", "--serializer", "json")["codec"]


def test_credentials_are_found_but_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ERROR == checks.check_credentials(Options()).status
    with monkeypatch.context() as patched:
        patched.setenv("AWS_PROFILE", "unknown")
        assert ERROR == checks.check_credentials(Options()).status
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "very-secret")
    result = checks.check_credentials(Options())
    assert (OK, "found by AWS's chain: env") == (result.status, result.text)
    given = checks.check_credentials(Options(aws_access_key_id="AKIAEXAMPLE"))
    assert "AKIA" not in given.text


@pytest.mark.parametrize(
    ("ahead", "status"),
    [(0, OK), (-4, OK), (4, OK), (10, WARNING), (-10, WARNING), (400, ERROR), (-400, ERROR)],
)
def test_the_clock_is_compared_with_the_date_header(ahead: float, status: str) -> None:
    server = 1_700_000_000
    date = formatdate(server, usegmt=True)
    response = {"ResponseMetadata": {"HTTPHeaders": {"date": date}}}
    now = server + 0.5 + ahead
    result = checks.check_clock(response, now, now + 0.01)
    assert status == result.status
    if status != OK:
        assert ("ahead" if ahead > 0 else "behind") in result.text
    assert WARNING == checks.check_clock({"ResponseMetadata": {}}, 0, 0).status


@pytest.mark.parametrize(("seconds", "status"), [(0.004, OK), (0.4, WARNING)])
def test_the_round_trip_is_a_median(seconds: float, status: str) -> None:
    slow = [0.0, 5.0]
    clock = iter(slow + [time for n in range(10, 50, 10) for time in (n, n + seconds)])
    result = checks.check_round_trip(lambda: None, lambda: next(clock))
    assert status == result.status
    assert result.text.startswith(f"{seconds * 1000:.1f} ms")


def denying(endpoint: Endpoint, *operations: str) -> Any:
    """Return a client whose IAM policy denies some operations."""
    client = boto3.session.Session().client("dynamodb", **endpoint.options)

    def refuse(model: Any, **_: object) -> None:
        if model.name in operations:
            answer = {"Error": {"Code": "AccessDeniedException", "Message": "not authorized"}}
            raise ClientError(answer, model.name)  # type: ignore[arg-type]

    client.meta.events.register("before-call.dynamodb", refuse)
    return client


def examined(endpoint: Endpoint, given: Given, *denied: str) -> dict[str, checks.Result]:
    """Return the results of all checks where the policy denies some operations."""
    keys = {"aws_access_key_id": "testkey", "aws_secret_access_key": "testsecret"}
    options = parse({**given, **keys, "client": denying(endpoint, *denied)})
    return {result.name: result for result in examine(Settings(options))}


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
def test_each_missing_permission_is_found(
    endpoint: Endpoint, bare_table: None, table_name: str, operation: str, status: str
) -> None:
    found = operations(table_name, denying(endpoint, operation))
    assert status == found[operation].status
    # A transaction needs the permissions of its parts.
    action = "DeleteItem" if operation == "TransactWriteItems" else operation
    assert f"dynamodb:{action}" in found[operation].text
    assert "beaker-dynamodb policy" in found[operation].remedy
    others = {result.status for name, result in found.items() if not name.startswith(operation)}
    assert {OK} == others


def test_the_smallest_policy_causes_warnings(run: Run, endpoint: Endpoint, table_name: str) -> None:
    run("create-table", *INDEXED)
    given = {"table_name": table_name, "special_keys": "userId:S:index"}
    document = policy_document(parse(given), ["sessions"])
    requests = {action.partition(":")[2] for action, _ in allowed(document)}
    every = {*ON_TABLE, "BatchGetItem", "BatchWriteItem", "Query", "Scan", *requests}
    found = examined(endpoint, given, *(every - requests))
    warnings = {name for name, result in found.items() if result.status == WARNING}
    optional = {"BatchGetItem", "BatchWriteItem", "Query, beaker-userId", "Scan", "sample"}
    assert {"table", "time to live", "items signed", *optional} == warnings
    others = {result.status for name, result in found.items() if name not in warnings}
    assert {OK} == others
    assert {"GetItem", "PutItem", "DeleteItem", "clock", "round trip"} <= set(found)
    assert "only for SessionStore and the command sessions" in found["Query, beaker-userId"].remedy
    assert "policy --use doctor prints what to allow" in found["table"].remedy


def test_a_denied_read_reports_neither_clock_nor_round_trip(
    endpoint: Endpoint, bare_table: None, table_name: str
) -> None:
    found = examined(endpoint, {"table_name": table_name}, "GetItem")
    for name in ("clock", "round trip"):
        assert ERROR == found[name].status
        assert "dynamodb:GetItem" in found[name].text


def test_reads_and_writes_find_a_missing_table(endpoint: Endpoint, table_name: str) -> None:
    found = operations(table_name, denying(endpoint, "DescribeTable"), create_table="false")
    for name in ("GetItem", "PutItem", "DeleteItem"):
        result = found[name]
        assert (ERROR, f"table '{table_name}' does not exist") == (result.status, result.text)
        assert result.remedy.startswith("beaker-dynamodb create-table")


def test_every_use_in_a_remedy_allows_its_action() -> None:
    both = (parse({"sort_key": "part", "special_keys": "u:S:index"}), Options())
    for action, (_, flags) in checks.OPTIONAL.items():
        named = flags.replace("--use", "").split()
        assert action in {each for name in named for given in both for each in USES[name](given)}


@pytest.mark.parametrize(
    ("words", "checked", "said", "remedy"),
    [
        (
            ["--endpoint-url", "http://127.0.0.1:1", "--region-name", "eu-west-1"],
            ["credentials", "region", "table", *ALWAYS],
            "127.0.0.1:1: connection refused",
            "Is it running?",
        ),
        ([], ["credentials", "region", *ALWAYS], "egion", "set region_name, or AWS_DEFAULT_REGION"),
    ],
)
def test_doctor_stops_after_a_fatal_error(
    words: Words, checked: list[str], said: str, remedy: str
) -> None:
    words = ["doctor", "--json", "--max-attempts", "1", *words, *CREDENTIALS]
    result = CliRunner().invoke(cli, words)
    assert 1 == result.exit_code
    found = json.loads(result.stdout)["checks"]
    assert checked == [check["name"] for check in found]
    (error,) = (check for check in found if ERROR == check["status"])
    assert said in error["text"]
    assert remedy in error["remedy"]


def test_refused_credentials_are_reported_for_the_credentials() -> None:
    error = StoreUnavailable("the AWS credentials have expired", aws_code="ExpiredTokenException")
    result = checks.failed("table", error)
    assert ("credentials", ERROR) == (result.name, result.status)
    assert "renew them" in result.remedy
