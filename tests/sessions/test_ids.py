"""Session ids: an old, replaced or unknown id opens no session, and `hash_ids` keeps ids secret."""

from __future__ import annotations

import hashlib
import json
from contextlib import nullcontext
from time import time
from typing import Any

import pytest

from beaker_dynamodb import DynamoDBNamespaceManager, DynamoDBSession
from beaker_dynamodb.wsgi.cookie_header import COOKIE_VALUE
from tests.chaos.watch import secret
from tests.clock import Clock
from tests.servers.endpoint import DynamoDBClient
from tests.servers.lesser import lesser
from tests.servers.recorder import CallRecorder
from tests.sessions.driven import Visitor, before, save, stored_sessions
from tests.sessions.site import COOKIE, ENCRYPTED, UNKNOWN, Site, log_out, store, values

LIFE = 1800
DEVICE = "device-1"


@pytest.mark.owasp("7.2.4")
@pytest.mark.parametrize(
    ("method", "extra"),
    [
        ("invalidate", {}),
        ("regenerate_id", {}),
        ("regenerate_id", {"secret": "s"}),
        ("regenerate_id", ENCRYPTED),
        ("regenerate_id", {"hash_ids": True}),
    ],
    ids=["invalidate", "plain", "secret", "encrypted", "hashed"],
)
def test_the_old_cookie_opens_nothing(
    options: dict[str, Any], client: DynamoDBClient, method: str, extra: dict[str, object]
) -> None:
    site = Site("ours", {**options, **extra})

    def log_in(session: Any) -> None:
        getattr(session, method)()
        store(name="Grace")(session)

    old = site(store(name="Ada")).cookie
    new = site(log_in, old).cookie
    assert [{}, {"name": "Grace"}] == [site(values, cookie).result for cookie in (old, new)]
    assert 1 == len(stored_sessions(client, options["table_name"]))


@pytest.mark.owasp(
    "7.2.1", "Session ID Generation and Verification: Permissive and Strict Session Management"
)
def test_an_unknown_id_is_replaced(options: dict[str, Any]) -> None:
    """Session fixation: an attacker may have chosen the id."""
    site = Site("ours", options)
    deleted = site(store(name="Ada")).cookie
    Site("ours", {**site.options, "clock": lambda: time() - 60})(log_out, deleted)
    for cookie in (deleted, UNKNOWN, f"{COOKIE}=invented"):
        new = site(store(name="Eve"), cookie).cookie
        assert cookie.partition("=")[2] != new.partition("=")[2]
        assert [{}, {"name": "Eve"}] == [site(values, one).result for one in (cookie, new)]


def test_regenerating_is_one_transaction(ours: Visitor) -> None:
    session = ours.request()
    for _ in range(2):
        session.regenerate_id()
    with CallRecorder(ours.client) as sent:
        save(session, b=1)
        save(session, c=1)
    assert ["TransactWriteItems", "PutItem"] == sent.operations
    assert {} == ours.finds()
    ours.id = session.id
    assert {"a": 1, "b": 1, "c": 1} == ours.finds()


@pytest.mark.parametrize("end", ["delete", "invalidate"])
def test_ending_after_regenerating_leaves_no_session_item(ours: Visitor, end: str) -> None:
    session = ours.request()
    session.regenerate_id()
    getattr(session, end)()
    assert [] == ours.stored()
    assert not session.unsettled


# -- ids that a program without cookies chooses -----------------------------------------------


@pytest.mark.parametrize(
    "after", [LIFE + 1, LIFE + 121, 0], ids=["timed out", "expired", "deleted"]
)
def test_a_chosen_id_opens_its_session_and_starts_another_after_its_end(
    moved: dict[str, Any], clock: Clock, after: int
) -> None:
    program = Visitor({**moved, "timeout": LIFE}, DynamoDBSession)
    program.id = DEVICE
    for data in ({"a": 1}, {"b": 1}):
        writer = program.request()
        assert (DEVICE, True, {}) == (writer.id, writer.is_new, values(writer))
        save(writer, **data)
        reader = program.request()
        assert (DEVICE, False, data) == (reader.id, reader.is_new, values(reader))
        clock.advance(after)
        if not after:
            reader.delete()


def test_changed_ids_are_fresh(ours: Visitor) -> None:
    session = ours.request()
    session.regenerate_id()
    session.save()
    assert COOKIE_VALUE.fullmatch(session.id)
    session.invalidate()
    assert COOKIE_VALUE.fullmatch(session.id)


@pytest.mark.parametrize(
    ("chosen", "mode"),
    [
        (DEVICE, {}),
        ("0123456789abcdef" * 2 + ".progress", {"consistent_read": "auto"}),
        ("", {"hash_ids": True}),
    ],
)
def test_no_cookie_opens_a_chosen_id_or_costs_a_read(
    options: dict[str, Any], chosen: str, mode: dict[str, object]
) -> None:
    options |= mode
    session = DynamoDBSession({}, id=chosen, use_cookies=False, **options)
    save(session, secret=1)
    with CallRecorder(DynamoDBNamespaceManager("any", **options).client) as sent:
        answer = Site("ours", options)(
            lambda session: (session.id, values(session)), f"{COOKIE}={chosen}"
        )
    assert [] == sent.operations
    id, found = answer.result
    assert ({}, []) == (found, answer.set_cookies)
    assert COOKIE_VALUE.fullmatch(id)


# -- hash_ids ----------------------------------------------------------------------------------


def items(visitor: Visitor) -> list[dict[str, Any]]:
    found = visitor.client.scan(TableName=visitor.options["table_name"])["Items"]
    return [dict(item) for item in found]


@pytest.mark.owasp("14.2.4")
@pytest.mark.parametrize(
    ("hash_ids", "id"), [(True, "0123456789abcdef"), ("migrate", "long-" * 1000)]
)
@pytest.mark.both_shapes
def test_the_key_is_a_digest_and_no_attribute_has_the_id(
    plain: Visitor, hash_ids: object, id: str
) -> None:
    visitor = plain
    visitor.options["hash_ids"] = hash_ids
    visitor.id = id
    visitor.starts(a=1)
    (item,) = items(visitor)
    assert hashlib.sha256(id.encode()).hexdigest() in item["id"]["S"]
    assert id not in json.dumps(item, default=repr)
    assert {"a": 1} == visitor.finds()


def test_migrate_moves_a_session_once(visitor: Visitor) -> None:
    visitor.options["secret"] = secret("signing key")
    visitor.starts(a=1)
    (old,) = items(visitor)
    visitor.options["hash_ids"] = "migrate"
    with CallRecorder(visitor.client) as sent:
        assert {"a": 1} == visitor.finds()
        assert ["GetItem", "GetItem", "TransactWriteItems"] == sent.operations
        assert "signature" in visitor.stored()[0]
        sent.clear()
        save(visitor.request(), b=1)
        assert ["GetItem", "PutItem"] == sent.operations
    (new,) = items(visitor)
    assert old["id"] != new["id"]
    assert old["created"] == new["created"]
    assert {"a": 1, "b": 1} == visitor.finds()


@pytest.mark.parametrize(("write", "stored"), [("TransactWriteItems", 1), ("PutItem", 2)])
def test_two_requests_that_move_a_session_at_once_both_continue(
    visitor: Visitor, write: str, stored: int
) -> None:
    """Without transactions a marker remains under the old key."""
    visitor.starts(a=1)
    visitor.options["hash_ids"] = "migrate"
    first: list[Any] = []
    with lesser(visitor.client) if write == "PutItem" else nullcontext():
        with before(visitor.client, write, lambda _: first.append(visitor.request())):
            second = visitor.request()
        assert 1 == second["a"]
        save(first[0], first=1)
        save(second, second=1)
        assert {"a": 1, "first": 1, "second": 1} == visitor.finds()
    assert stored == len(items(visitor))


def test_migrate_replaces_the_token_and_keeps_the_old_one(visitor: Visitor) -> None:
    visitor.starts(a=1)
    (old,) = items(visitor)
    visitor.options["hash_ids"] = "migrate"
    visitor.request()
    (new,) = items(visitor)
    assert new["writer"] not in (old["writer"], {"NULL": True})
    assert old["writer"]["S"] in json.dumps(new["earlier"])


def test_a_session_that_another_request_moved_and_ended_is_not_found(visitor: Visitor) -> None:
    visitor.starts(a=1)
    visitor.options["hash_ids"] = "migrate"
    with before(visitor.client, "TransactWriteItems", lambda _: visitor.request().delete()):
        assert {} == visitor.finds()


def test_true_does_not_look_for_old_sessions(visitor: Visitor) -> None:
    visitor.starts(a=1)
    visitor.options["hash_ids"] = True
    with CallRecorder(visitor.client) as sent:
        assert {} == visitor.finds()
    assert ["GetItem"] == sent.operations
