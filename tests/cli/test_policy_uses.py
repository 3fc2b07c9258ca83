"""policy: each use is recorded, and the policy allows exactly its calls."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from beaker_dynamodb import DynamoDBNamespaceManager, DynamoDBSession, SessionStore
from beaker_dynamodb.cli.iam_policy import USES, policy_document
from beaker_dynamodb.config.parse import parse
from beaker_dynamodb.dynamodb import table
from beaker_dynamodb.items.reaper import reap
from tests.cli.conftest import Given, Run
from tests.cli.test_policy import ACCOUNT, Permission, allowed
from tests.migrate.moving import move, saved
from tests.opening import payload
from tests.servers.recorder import Call, CallRecorder


def needed(call: Call, arn: str) -> Iterator[Permission]:
    if call.operation == "TransactWriteItems":
        # A transaction needs the permissions of its writes only.
        for write in call.params["TransactItems"]:
            (kind,) = write
            yield f"dynamodb:{kind}Item", arn
    else:
        index = call.params.get("IndexName")
        yield f"dynamodb:{call.operation}", f"{arn}/index/{index}" if index else arn


def used(calls: CallRecorder, given: Given) -> set[Permission]:
    """Return the permissions that the calls need."""
    arn = f"arn:aws:dynamodb:eu-west-1:123456789012:table/{given['table_name']}"
    return {permission for call in calls for permission in needed(call, arn)}


def use_sessions(given: Given, run: Run) -> None:
    first, second = (DynamoDBNamespaceManager(id, **given) for id in ("first", "second"))
    first["session"] = payload(user="u", n=1)
    assert "session" in first
    assert payload(user="u", n=1) == first["session"]
    first["session"] = payload(user="u", n=2)
    second.session.move_from(first.session, payload(user="u", n=2))
    assert payload(user="u", n=2) == second["session"]
    del second["session"]


def use_cache(given: Given, run: Run) -> None:
    pages = DynamoDBNamespaceManager("pages", **given)
    lock = pages.get_creation_lock(b"key")
    lock.acquire()
    pages[b"key"] = "value"
    lock.release()
    assert "value" == pages[b"key"]
    del pages[b"key"]


def use_large_values(given: Given, run: Run) -> None:
    pages = DynamoDBNamespaceManager("pages", **given, compression="off")
    pages[b"large"] = b"x" * 500_000
    assert 500_000 == len(pages[b"large"])


def use_clear(given: Given, run: Run) -> None:
    pages = DynamoDBNamespaceManager("pages", **given)
    lock = pages.get_creation_lock(b"being made")
    lock.acquire()
    pages.do_remove()
    command(run, given, "clear", "--namespace", "pages", "--yes")
    lock.release()


def use_session_store(given: Given, run: Run) -> None:
    store = SessionStore(**given)
    for session in store.sessions(user="u"):
        assert session.payload()["user"] == "u"
    assert store.get("any") is not None
    assert store.delete("any")
    assert 0 == store.revoke(user="u")
    command(run, given, "sessions", "list", "--where", "user=u")


def use_all_sessions(given: Given, run: Run) -> None:
    assert 1 == SessionStore(**given).count()
    command(run, given, "sessions", "list")


def use_create(given: Given, run: Run) -> None:
    options = parse(given)
    client = DynamoDBNamespaceManager("any", **given).client
    client.delete_table(TableName=options.table_name)
    table.create(client, options, time.sleep)
    table.create(client, options, time.sleep)


def use_create_table(given: Given, run: Run) -> None:
    bare = {name: given[name] for name in given if name != "special_keys"}
    client = DynamoDBNamespaceManager("any", **given).client
    client.delete_table(TableName=given["table_name"])
    command(run, bare, "create-table")
    command(run, given, "create-table", "--deletion-protection")


def use_migrate(given: Given, run: Run) -> None:
    with TemporaryDirectory() as folder:
        saved({"type": "file", "data_dir": folder}, user="u")
        assert 1 == move(f"file://{folder}", given).verified


def use_reap(given: Given, run: Run) -> None:
    late = {**given, "clock": lambda: time.time() + 1e6}
    *_, reaped = reap(DynamoDBNamespaceManager("any", **late).backend.items)
    assert 1 == reaped.deleted
    command(run, given, "reap")


DO: dict[str, Callable[[dict[str, Any], Run], object]] = {
    "sessions": use_sessions,
    "cache": use_cache,
    "large-values": use_large_values,
    "keys": lambda given, _: DynamoDBNamespaceManager("pages", **given).keys(),
    "clear": use_clear,
    "session-store": use_session_store,
    "all-sessions": use_all_sessions,
    "create": use_create,
    "create-table": use_create_table,
    "create-table-extras": lambda given, run: command(
        run, given, "create-table", "--tag", "a=b", "--point-in-time-recovery"
    ),
    "doctor": lambda given, run: command(run, given, "doctor"),
    "stats": lambda given, run: command(run, given, "stats"),
    "migrate": use_migrate,
    "reap": use_reap,
}
#: Calls of the test itself, and calls that belong to another use.
BESIDE = {
    # DeleteItem releases the test's lock; a table's size is shown if DescribeTable is allowed.
    "clear": {"dynamodb:DeleteItem", "dynamodb:DescribeTable"},
    "all-sessions": {"dynamodb:DescribeTable"},
    "reap": {"dynamodb:DescribeTable"},
    "large-values": {"dynamodb:GetItem", "dynamodb:PutItem"},
    "create": {"dynamodb:DeleteTable"},
    "create-table": {"dynamodb:DeleteTable"},
    "create-table-extras": {"dynamodb:DescribeTable", "dynamodb:DescribeTimeToLive"},
}


def command(run: Run, given: Given, *words: str) -> None:
    """Run a command that must succeed, with options as flags."""
    flags = []
    for name in ("special_keys", "sort_key"):
        if given.get(name):
            flags += [f"--{name.replace('_', '-')}", given[name]]
    result = run(*words, *flags)
    assert 0 == result.exit_code, result.output


# DynamoDB Local has no tags. moto turns time to live on twice, and counts a batch as one item.
@pytest.mark.parametrize(
    ("use", "engine"),
    [(use, "local" if use in ("create", "large-values") else "moto") for use in DO],
    scope="session",
)
@pytest.mark.parametrize("sort_key", [None, "part"])
def test_each_use_makes_exactly_the_calls_that_its_policy_allows(
    use: str, sort_key: str | None, options: Given, run: Run
) -> None:
    given = {**options, "special_keys": "user:S:index", "sort_key": sort_key}
    manager = DynamoDBNamespaceManager("any", **given)
    manager["session"] = payload(user="u")
    DynamoDBNamespaceManager("pages", **given)[b"key"] = "value"
    with CallRecorder(manager.client) as calls:
        DO[use](given, run)
    expected = {one for one in used(calls, given) if one[0] not in BESIDE.get(use, set())}
    assert expected == allowed(policy_document(parse(given), [use], ACCOUNT))


def test_every_use_is_tried() -> None:
    assert set(USES) == set(DO)


def test_log_ins_and_log_outs_work_with_the_documented_policies(options: Given) -> None:
    given = {**options, "special_keys": "user:S:index", "user_key": "user", "max_sessions": 1}
    manager, store = DynamoDBNamespaceManager("any", **given), SessionStore(**given)
    manager["session"] = payload(user="other")  # makes the table
    with CallRecorder(manager.client) as calls:
        for _ in range(2):
            session = DynamoDBSession({}, use_cookies=False, **given)
            session["user"] = "u"
            session.save()
        session.delete()
    assert used(calls, given) == allowed(policy_document(parse(given), ["sessions"], ACCOUNT))
    with CallRecorder(manager.client) as calls:
        store.erase(user="other")
    assert used(calls, given) == allowed(policy_document(parse(given), ["session-store"], ACCOUNT))
