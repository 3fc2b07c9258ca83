"""`hash_ids`: whoever reads the table learns no id that would open a session."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest
from beaker.session import Session

from beaker_dynamodb.session import DynamoDBSession
from tests.servers.recorder import CallRecorder
from tests.sessions.driven import Visitor, save, stored_sessions

if TYPE_CHECKING:
    from tests.servers.endpoint import Endpoint

LONG = "long-" * 1000


@pytest.fixture(params=[Session, DynamoDBSession], ids=["beaker", "ours"])
def visitor(request: pytest.FixtureRequest, moved: dict[str, object]) -> Visitor:
    """A visitor who came before the option was turned on."""
    return Visitor(moved, request.param)


def items(endpoint: Endpoint, visitor: Visitor) -> list[dict[str, Any]]:
    """Give all items of the table."""
    return [
        dict(item)
        for item in endpoint.client.scan(TableName=visitor.options["table_name"])["Items"]
    ]


@pytest.mark.parametrize("hash_ids", [True, "true", "migrate"])
def test_no_item_holds_the_id(visitor: Visitor, endpoint: Endpoint, hash_ids: object) -> None:
    """The key is the SHA-256 of the id, and no attribute has the id itself."""
    visitor.options["hash_ids"] = hash_ids
    visitor.starts(a=1)
    assert visitor.id is not None
    (item,) = items(endpoint, visitor)
    assert hashlib.sha256(visitor.id.encode()).hexdigest() in item["id"]["S"]
    assert visitor.id not in json.dumps(item, default=repr)
    assert {"a": 1} == visitor.finds()


@pytest.mark.parametrize("hash_ids", [True, "migrate"])
def test_a_long_id(moved: dict[str, object], endpoint: Endpoint, hash_ids: object) -> None:
    """An id over DynamoDB's limit is not kept whole either."""
    visitor = Visitor({**moved, "hash_ids": hash_ids})
    visitor.id = LONG
    visitor.starts(a=1)
    (item,) = items(endpoint, visitor)
    assert LONG not in json.dumps(item, default=repr)
    assert {"a": 1} == visitor.finds()


def test_an_old_session_is_moved_once(visitor: Visitor, endpoint: Endpoint) -> None:
    """`migrate` finds a session from before, moves it, and then reads it like any other."""
    visitor.starts(a=1)
    (before,) = items(endpoint, visitor)
    visitor.options["hash_ids"] = "migrate"
    with CallRecorder(visitor.client) as sent:
        assert {"a": 1} == visitor.finds()
        assert ["GetItem", "GetItem", "TransactWriteItems"] == sent.operations
        sent.clear()
        assert {"a": 1} == visitor.finds()
        assert ["GetItem"] == sent.operations
    (after,) = items(endpoint, visitor)
    assert {**before, "id": after["id"]} == after
    assert before["id"] != after["id"]


def test_a_moved_session_is_saved_in_its_new_place(visitor: Visitor, endpoint: Endpoint) -> None:
    """The request that moves a session can change it as well."""
    visitor.starts(a=1)
    visitor.options["hash_ids"] = "migrate"
    save(visitor.request(), b=1)
    assert {"a": 1, "b": 1} == visitor.finds()
    assert 1 == len(items(endpoint, visitor))


def test_two_that_move_at_once(visitor: Visitor, endpoint: Endpoint) -> None:
    """Of two requests that find the old session both go on with it, and both are kept."""
    visitor.starts(a=1)
    visitor.options["hash_ids"] = "migrate"
    events = visitor.client.meta.events
    event = "provide-client-params.dynamodb.TransactWriteItems"
    quicker: list[Any] = []

    def be_quicker(**_: object) -> None:
        events.unregister(event, be_quicker)
        quicker.append(visitor.request())

    events.register(event, be_quicker)
    session = visitor.request()
    save(quicker[0], quicker=1)
    save(session, slower=1)

    assert {"a": 1, "quicker": 1, "slower": 1} == visitor.finds()
    assert 1 == len(items(endpoint, visitor))


def test_true_does_not_look_for_old_ones(visitor: Visitor) -> None:
    """Without `migrate`, a session from before is not found, at the price of one read."""
    visitor.starts(a=1)
    visitor.options["hash_ids"] = True
    with CallRecorder(visitor.client) as sent:
        assert {} == visitor.finds()
    assert ["GetItem"] == sent.operations


def test_a_log_out_after_the_move(visitor: Visitor, endpoint: Endpoint) -> None:
    """A request that loaded the session in its old place does not bring it back."""
    visitor.starts(a=1)
    late = visitor.request()
    visitor.options["hash_ids"] = "migrate"
    session = visitor.request()
    session.delete()
    session.save()
    save(late, b=1)
    assert [] == stored_sessions(endpoint.client, visitor.options["table_name"])
