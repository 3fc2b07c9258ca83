"""`SessionStore` ends sessions outside of a request."""

from __future__ import annotations

from typing import Any

import pytest

from beaker_dynamodb import DynamoDBSession, SessionStore
from tests.opening import Opener
from tests.sessions.driven import Visitor, before, save
from tests.sessions.stores import ids
from tests.sessions.stores import options as options
from tests.sessions.stores import store as store
from tests.sessions.stores import table as table
from tests.sessions.stores import visitor as visitor


@pytest.mark.owasp("7.4.3")
@pytest.mark.both_servers
def test_revoke_ends_all_sessions_of_a_user_except_those_to_keep(
    options: dict[str, Any], store: SessionStore
) -> None:
    others = [Visitor(options).starts(userId=42) for _ in range(3)]
    his = Visitor(options).starts(userId=43)
    current = Visitor(options).starts(userId=42)
    assert 3 == store.revoke(userId=42, keep=current.id)
    assert [current.id] == ids(store.sessions(userId=42))
    assert [his.id] == ids(store.sessions(userId=43))
    assert [None] * 3 == [store.get(other.id) for other in others]
    (found,) = store.sessions(userId=42)
    for keep in ([current.id, None], found, [found]):
        assert 0 == store.revoke(userId=42, keep=keep)
    assert 1 == store.revoke(userId=42, keep=None)
    with pytest.raises(ValueError, match="would delete everything"):
        store.revoke(keep="another")
    assert [his.id] == ids(store.sessions())


@pytest.mark.parametrize("hash_ids", [True, "migrate"])
def test_keep_takes_ids_whether_or_not_they_are_hashed_in_the_table(
    options: dict[str, Any], hash_ids: Any
) -> None:
    old = Visitor(options, DynamoDBSession).starts(userId=42)
    visitor = Visitor({**options, "hash_ids": hash_ids}, DynamoDBSession)
    new = visitor.starts(userId=42)
    store = SessionStore(**{**options, "hash_ids": hash_ids})
    keep = [old.id, new.id] if hash_ids == "migrate" else new.id
    assert (0 if hash_ids == "migrate" else 1) == store.revoke(userId=42, keep=keep)
    assert {"userId": 42} == visitor.finds()
    assert store.delete(new.id)
    assert {} == visitor.finds()


@pytest.mark.owasp("7.4.1")
@pytest.mark.parametrize("verb", ["revoke", "delete"])
def test_requests_in_flight_restore_nothing(
    visitor: Visitor, store: SessionStore, verb: str
) -> None:
    visitor.starts(userId=42)
    changing, moving, touching = visitor.request(), visitor.request(), visitor.request()
    assert 1 == (store.revoke(userId=42) if verb == "revoke" else store.delete(visitor.id))
    save(changing, basket=1)
    moving.regenerate_id()
    save(moving, basket=2)
    touching.save()
    assert [] == ids(store.sessions(userId=42))


def test_a_session_that_another_user_has_taken_over_is_not_revoked(
    store: SessionStore, visitor: Visitor, table: Opener
) -> None:
    """The index may lag behind the table."""
    visitor.starts(userId=42)
    login = lambda _: save(visitor.request(), userId=43)  # noqa: E731
    with before(table("any").client, "DeleteItem", login):
        assert 0 == store.revoke(userId=42)
    assert [visitor.id] == ids(store.sessions(userId=43))
