"""Several requests change one session at the same time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from beaker.session import Session
from botocore.exceptions import ConnectionClosedError

from beaker_dynamodb import DynamoDBSession, SessionConflict, StoreUnavailable
from beaker_dynamodb.sessions.combined_saves import CombinedSave
from tests.chaos.scripted import TWICE, scripted_calls
from tests.servers.endpoint import Endpoint
from tests.servers.recorder import CallRecorder
from tests.sessions.driven import Visitor, before, save, stored_sessions
from tests.sessions.site import ENCRYPTED, Site, log_out, store, values
from tests.sessions.threads import HANGS


@pytest.mark.parametrize(
    ("session_class", "extra"),
    [
        (Session, {}),
        (Session, {"data_serializer": "json"}),
        (DynamoDBSession, {}),
        (DynamoDBSession, ENCRYPTED),
    ],
    ids=["beaker", "json", "ours", "encrypted"],
)
def test_changes_of_different_keys_are_kept_and_the_later_save_wins_on_the_same(
    moved: dict[str, Any], session_class: type[Any], extra: dict[str, object]
) -> None:
    visitor = Visitor({**moved, **extra}, session_class)
    visitor.starts(a=1, b=1, c=1, d=1, same=1)
    one, other = visitor.request(), visitor.request()
    del other["b"]
    save(other, a=2, other=True, same=2)
    del one["d"]
    save(one, c=2, one=True, same=3)
    assert {"a": 2, "c": 2, "other": True, "one": True, "same": 3} == visitor.finds()


def test_a_record_is_not_mixed_with_that_of_another_user(visitor: Visitor) -> None:
    visitor.options["special_keys"] = "user.id:N"
    visitor.starts(user={"id": 5, "name": "Ada", "theme": "dark"})
    bob = {"id": 7, "name": "Bob", "theme": "dark"}
    found = visitor.at_once(
        lambda session: session["user"].update(theme="light", admin=True),
        lambda session: session.update(user=bob),
    )
    assert {"user": bob} == found


def test_two_first_requests_with_one_id_are_merged(visitor: Visitor) -> None:
    visitor.id = "0123456789abcdef"
    assert {"one": 1, "two": 2} == visitor.at_once(
        lambda session: session.update(one=1), lambda session: session.update(two=2)
    )


class Reversed:
    """A serializer that the backend cannot decode under plain Beaker."""

    @staticmethod
    def dumps(value: dict[str, Any]) -> bytes:
        return repr(value)[::-1].encode()

    @staticmethod
    def loads(data: bytes) -> Any:
        return eval(data.decode()[::-1], {"__builtins__": {}})


def test_an_opaque_payload_is_written_whole(plain: Visitor) -> None:
    plain.options["data_serializer"] = Reversed
    plain.starts(a=1)
    one, other = plain.request(), plain.request()
    save(other, other=1)
    with CallRecorder(plain.client) as sent:
        save(one, one=1)
    assert ["PutItem"] == sent.operations
    assert "ConditionExpression" in sent[0].params
    assert {"a": 1, "one": 1} == plain.finds()


class Fragile:
    """A value that can be stored, but not loaded while it is broken."""

    broken = False

    def __setstate__(self, state: object) -> None:
        if self.broken:
            raise ValueError("broken")

    def __getstate__(self) -> object:
        return 1


@pytest.mark.parametrize("changes", [{"n": 2}, {}], ids=["scalar too", "object only"])
def test_a_session_that_cannot_be_loaded_is_written_whole(
    visitor: Visitor, changes: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    visitor.starts(n=1, fragile=0)
    one, other = visitor.request(), visitor.request()
    save(other, other=1)
    monkeypatch.setattr(Fragile, "broken", True)
    monkeypatch.setattr(CombinedSave, "join", None)  # it could not be merged with others
    save(one, fragile=Fragile(), **changes)
    monkeypatch.setattr(Fragile, "broken", False)
    found = visitor.finds()
    assert isinstance(found.pop("fragile"), Fragile)
    assert {"n": 1, **changes} == found


@pytest.mark.both_servers
def test_a_conflict_costs_one_more_write_and_no_read(visitor: Visitor) -> None:
    visitor.starts()
    one, other = visitor.request(), visitor.request()
    save(other, a=1)
    with CallRecorder(visitor.client) as sent:
        save(one, b=1)
    assert ["PutItem", "PutItem"] == sent.operations
    assert ["ConditionalCheckFailedException", None] == [call.error_code for call in sent]


def test_a_save_that_paused_reads_consistently(visitor: Visitor) -> None:
    visitor.options["consistent_read"] = False
    visitor.starts()
    session = visitor.request()
    rivals = {f"rival-{number}": True for number in range(4)}
    actions = [lambda _, name=name: save(visitor.request(), **{name: True}) for name in rivals]
    with before(visitor.client, "PutItem", *actions), CallRecorder(visitor.client) as sent:
        save(session, mine=True)
    reads = [call.params["ConsistentRead"] for call in sent if call.operation == "GetItem"]
    # One read of each rival. The items that came with the first three errors need no read.
    assert [False] * 4 + [True] == reads
    assert {**rivals, "mine": True} == visitor.finds()


def test_saves_before_between_and_after_those_of_another_request_are_kept(visitor: Visitor) -> None:
    visitor.starts(log=["start"], a=1)
    one = visitor.request()
    for number in range(3):
        other = visitor.request()
        save(other, a=number, log=[*other["log"], f"other {number}"])
        one["log"].append(number)
        save(one, **{f"key-{number}": True})
    one.save()
    keys = {f"key-{number}": True for number in range(3)}
    log = ["start", "other 0", 0, "other 1", 1, "other 2", 2]
    assert {"a": 2, "log": log, **keys} == visitor.finds()


@pytest.mark.parametrize(
    ("concurrency", "conflicts"), [("merge", False), ("merge", True), ("reject", False)]
)
def test_a_save_that_is_repeated_after_a_lost_response_appends_once(
    visitor: Visitor, endpoint: Endpoint, concurrency: str, conflicts: bool
) -> None:
    visitor.starts(log=["start"])
    session = visitor.request(concurrency=concurrency)
    other = visitor.request()
    expected = ["start", "new", "newer"]

    def lose(params: dict[str, Any]) -> None:
        endpoint.client.put_item(**params)
        raise ConnectionClosedError(endpoint_url="")

    actions: list[Callable[[Any], object]] = [lose]
    if conflicts:
        save(visitor.request(), log=["start", "first"])
        expected.insert(1, "first")
        actions.insert(0, lambda _: None)
    session["log"].append("new")
    client = session.namespace.client
    with before(client, "PutItem", *actions), pytest.raises(StoreUnavailable):
        save(session)
    if (concurrency, conflicts) == ("merge", False):
        # Its token is among those that the item keeps.
        save(other, log=["start", "other"])
        expected.insert(2, "other")
    session["log"].append("newer")
    save(session)
    assert expected == visitor.finds()["log"]


def test_a_write_that_botocore_sent_twice_is_a_success(visitor: Visitor) -> None:
    visitor.starts()
    session = visitor.request(concurrency="reject")
    with scripted_calls() as script:
        script.begin([TWICE])
        save(session, a=1)
    save(session, b=1)
    assert {"a": 1, "b": 1} == visitor.finds()


# -- other modes, and the time limit ----------------------------------------------------------


def test_reject_raises_at_once_and_keeps_the_first_save(visitor: Visitor) -> None:
    visitor.starts()
    one, other = (visitor.request(concurrency="reject") for _ in range(2))
    save(other, a=1)
    with CallRecorder(visitor.client) as sent, pytest.raises(SessionConflict) as conflict:
        save(one, b=1)
    assert ["PutItem"] == sent.operations
    assert str(conflict.value).endswith(": another request saved it first")
    assert "PutItem" == conflict.value.operation
    assert visitor.options["table_name"] == conflict.value.table
    assert "ConditionalCheckFailedException" == conflict.value.aws_code
    assert {"a": 1} == visitor.finds()


def test_a_save_that_conflicts_for_too_long_raises_and_is_not_stored(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time limits are in test_conflict_retry.py."""
    visitor.starts()
    session = visitor.request()
    save(visitor.request(), rival=True)
    monkeypatch.setattr("beaker_dynamodb.sessions.conflict_retry.ROUND_TRIPS", 0)
    monkeypatch.setattr("beaker_dynamodb.sessions.conflict_retry.CONFLICT_SECONDS", 0)
    with pytest.raises(SessionConflict) as caught:
        save(session, mine=True)
    assert str(caught.value).endswith(": another request saved it first (conflicts: 1)")
    assert str(visitor.id) not in str(caught.value)
    assert {"rival": True} == visitor.finds()


@pytest.mark.parametrize(("middleware", "logs_out"), [("ours", False), ("beaker", True)])
@pytest.mark.both_servers
def test_forty_threads_and_two_clients_lose_no_save_and_undo_no_logout(
    options: dict[str, Any],
    endpoint: Endpoint,
    monkeypatch: pytest.MonkeyPatch,
    middleware: str,
    logs_out: bool,
) -> None:
    monkeypatch.setattr("beaker_dynamodb.sessions.conflict_retry.CONFLICT_SECONDS", HANGS)
    # With different timeouts, the sites use different clients, as two processes do.
    options |= {"touch_interval": 0}
    sites = [Site(middleware, {**options, "read_timeout": 60 + number}) for number in range(2)]
    cookie = sites[0](store(name="Ada")).cookie
    barrier = threading.Barrier(41 if logs_out else 40)

    def request(number: int) -> None:
        def action(session: Any) -> None:
            values(session)
            barrier.wait(HANGS)
            if number % 4:
                session[f"key-{number}"] = True
                session.save()

        sites[number % 2](action, cookie)

    with ThreadPoolExecutor(40) as threads:
        futures = [threads.submit(request, number) for number in range(40)]
        if logs_out:
            barrier.wait(HANGS)
            sites[0](log_out, cookie)
    assert [None] * 40 == [future.exception() for future in futures]
    keys = {f"key-{number}": True for number in range(40) if number % 4}
    assert ({} if logs_out else {"name": "Ada", **keys}) == sites[0](values, cookie).result
    stored = stored_sessions(endpoint.client, options["table_name"])
    assert (0 if logs_out else 1) == len(stored)
