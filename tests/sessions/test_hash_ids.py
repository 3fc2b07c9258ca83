"""`hash_ids`: no session's id can be read from the table."""

from __future__ import annotations

import hashlib
import json
from contextlib import nullcontext
from typing import Any

import pytest

from beaker_dynamodb import DynamoDBSession
from tests.chaos.watch import secret
from tests.servers.endpoint import Endpoint
from tests.servers.lesser import lesser
from tests.servers.recorder import CallRecorder
from tests.sessions.driven import Visitor, before, save, stored_sessions


def items(endpoint: Endpoint, visitor: Visitor) -> list[dict[str, Any]]:
    found = endpoint.client.scan(TableName=visitor.options["table_name"])["Items"]
    return [dict(item) for item in found]


@pytest.mark.owasp("14.2.4")
@pytest.mark.parametrize(
    ("hash_ids", "id"), [(True, "0123456789abcdef"), ("migrate", "long-" * 1000)]
)
@pytest.mark.both_shapes
def test_the_key_is_a_digest_and_no_attribute_has_the_id(
    plain: Visitor, endpoint: Endpoint, hash_ids: object, id: str
) -> None:
    visitor = plain
    visitor.options["hash_ids"] = hash_ids
    visitor.id = id
    visitor.starts(a=1)
    (item,) = items(endpoint, visitor)
    assert hashlib.sha256(id.encode()).hexdigest() in item["id"]["S"]
    assert id not in json.dumps(item, default=repr)
    assert {"a": 1} == visitor.finds()


def test_migrate_moves_a_session_once(visitor: Visitor, endpoint: Endpoint) -> None:
    visitor.starts(a=1)
    (old,) = items(endpoint, visitor)
    visitor.options["hash_ids"] = "migrate"
    with CallRecorder(visitor.client) as sent:
        assert {"a": 1} == visitor.finds()
        assert ["GetItem", "GetItem", "TransactWriteItems"] == sent.operations
        sent.clear()
        save(visitor.request(), b=1)
        assert ["GetItem", "PutItem"] == sent.operations
    (new,) = items(endpoint, visitor)
    assert old["id"] != new["id"]
    assert old["created"] == new["created"]
    assert {"a": 1, "b": 1} == visitor.finds()


@pytest.mark.parametrize(("write", "stored"), [("TransactWriteItems", 1), ("PutItem", 2)])
def test_two_requests_that_move_a_session_at_once_both_continue(
    visitor: Visitor, endpoint: Endpoint, write: str, stored: int
) -> None:
    """Without transactions a marker remains under the old key."""
    visitor.starts(a=1)
    visitor.options["hash_ids"] = "migrate"
    first: list[Any] = []
    with lesser(visitor.client) if write == "PutItem" else nullcontext():
        with before(visitor.client, write, lambda _: first.append(visitor.request())):
            second = visitor.request()
        save(first[0], first=1)
        save(second, second=1)
        assert {"a": 1, "first": 1, "second": 1} == visitor.finds()
    assert stored == len(items(endpoint, visitor))


def test_migrate_replaces_the_token_and_keeps_the_old_one(
    visitor: Visitor, endpoint: Endpoint
) -> None:
    visitor.starts(a=1)
    (old,) = items(endpoint, visitor)
    visitor.options["hash_ids"] = "migrate"
    visitor.request()
    (new,) = items(endpoint, visitor)
    assert new["writer"] not in (old["writer"], {"NULL": True})
    assert old["writer"]["S"] in json.dumps(new["earlier"])


@pytest.mark.parametrize("signs", [True, False])
def test_migrate_signs_a_signed_session_again_if_it_has_the_secret(
    moved: dict[str, Any], endpoint: Endpoint, signs: bool
) -> None:
    visitor = Visitor(moved, DynamoDBSession)
    given = {"secret": secret("signing key"), "accept_unsigned": "false"}
    visitor.options |= given
    visitor.starts(a=1)
    visitor.options["hash_ids"] = "migrate"
    if not signs:
        for name in given:
            del visitor.options[name]
    assert {"a": 1} == visitor.finds()
    (new,) = items(endpoint, visitor)
    assert signs is ("signature" in new)
    assert {"a": 1} == visitor.finds()


def log_out(visitor: Visitor) -> None:
    session = visitor.request()
    session.delete()
    session.save()


def test_migrate_does_not_move_a_session_that_has_just_ended(visitor: Visitor) -> None:
    visitor.starts(a=1)
    log_out(visitor)
    visitor.options["hash_ids"] = "migrate"
    with CallRecorder(visitor.client) as sent:
        assert {} == visitor.finds()
    assert ["GetItem", "GetItem"] == sent.operations


def test_a_session_that_another_request_moved_and_ended_is_not_found(visitor: Visitor) -> None:
    visitor.starts(a=1)
    visitor.options["hash_ids"] = "migrate"
    with before(visitor.client, "TransactWriteItems", lambda _: log_out(visitor)):
        assert {} == visitor.finds()


def test_true_does_not_look_for_old_sessions(visitor: Visitor) -> None:
    visitor.starts(a=1)
    visitor.options["hash_ids"] = True
    with CallRecorder(visitor.client) as sent:
        assert {} == visitor.finds()
    assert ["GetItem"] == sent.operations


def test_a_request_that_loaded_the_old_item_does_not_undo_a_logout(
    visitor: Visitor, endpoint: Endpoint
) -> None:
    visitor.starts(a=1)
    late = visitor.request()
    visitor.options["hash_ids"] = "migrate"
    log_out(visitor)
    save(late, b=1)
    assert [] == stored_sessions(endpoint.client, visitor.options["table_name"])
