"""Two requests change one session at the same time; driven by hand, so that the order is sure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from beaker.session import Session

from beaker_dynamodb import SessionConflict
from beaker_dynamodb.session import DynamoDBSession
from beaker_dynamodb.sessions import conflict_retry
from tests.servers.recorder import CallRecorder
from tests.sessions.driven import Visitor, save

if TYPE_CHECKING:
    from tests.clock import Clock
    from tests.servers.endpoint import Endpoint


@pytest.fixture(params=[Session, DynamoDBSession], ids=["beaker", "ours"])
def visitor(request: pytest.FixtureRequest, moved: dict[str, object]) -> Visitor:
    """A visitor whose sessions are Beaker's, or ours."""
    return Visitor(moved, request.param)


def test_different_keys(visitor: Visitor) -> None:
    """Both requests' changes, additions and deletions are kept."""
    visitor.starts(a=1, b=1, c=1, d=1)
    one, other = visitor.request(), visitor.request()
    del other["b"]
    save(other, a=2, other=True)
    del one["d"]
    save(one, c=2, one=True)
    assert {"a": 2, "c": 2, "other": True, "one": True} == visitor.finds()


def test_the_same_key(visitor: Visitor) -> None:
    """Of two changes of one key the later save wins, and so does a deletion."""
    visitor.starts(a=1, b=1)
    one, other = visitor.request(), visitor.request()
    save(other, a=2, b=2)
    del one["b"]
    save(one, a=3)
    assert {"a": 3} == visitor.finds()


def test_a_conflict_costs_no_read(visitor: Visitor) -> None:
    """The error brings the present item along: a conflict is one more write and nothing else."""
    visitor.starts()
    one, other = visitor.request(), visitor.request()
    save(other, a=1)
    with CallRecorder(visitor.client) as sent:
        save(one, b=1)
    assert ["PutItem", "PutItem"] == sent.operations
    assert ["ConditionalCheckFailedException", None] == [call.error_code for call in sent]


def test_times(visitor: Visitor, clock: Clock) -> None:
    """After a merge the last use is the later one, and the creation the earlier."""
    visitor.starts()
    created = clock.now
    clock.advance(10)
    one = visitor.request()
    clock.advance(10)
    save(visitor.request(), a=1)
    save(one, b=1)
    clock.advance(1000)
    found = visitor.request()
    assert created == found.created
    assert created + 20 == found.last_accessed


def test_several_saves_in_one_request(visitor: Visitor) -> None:
    """A request never conflicts with itself, and each save is one write."""
    visitor.starts()
    session = visitor.request()
    with CallRecorder(visitor.client) as sent:
        for number in range(3):
            save(session, number=number)
        session.save()
    assert ["PutItem"] * 3 == sent.operations
    assert [None] * 3 == [call.error_code for call in sent]
    assert {"number": 2} == visitor.finds()


def test_several_saves_and_another_request(visitor: Visitor) -> None:
    """What another request saves before, between or after the saves of one request stays."""
    visitor.starts()
    one = visitor.request()
    save(visitor.request(), before=1)
    save(one, a=1)
    save(visitor.request(), between=1)
    save(one, b=1)
    save(visitor.request(), after=1)
    one.save()
    assert {"before": 1, "a": 1, "between": 1, "b": 1, "after": 1} == visitor.finds()


def test_a_save_after_a_merge_undoes_nothing(visitor: Visitor) -> None:
    """A second save carries over only what changed since the first, not the other's old values."""
    visitor.starts(a=1)
    one = visitor.request()
    save(visitor.request(), a=2)
    save(one, b=1)
    save(one, b=2)
    assert {"a": 2, "b": 2} == visitor.finds()


def test_two_first_requests(moved: dict[str, object]) -> None:
    """Two first requests with the same new id merge; plain Beaker's keep the browser's id."""
    visitor = Visitor(moved)
    visitor.id = "0123456789abcdef"
    one, other = visitor.request(), visitor.request()
    save(one, one=1)
    save(other, other=1)
    assert {"one": 1, "other": 1} == visitor.finds()


def test_reject(visitor: Visitor) -> None:
    """With `concurrency = reject` the later save raises at once, and the first one stays."""
    visitor.starts()
    one, other = (visitor.request(concurrency="reject") for _ in range(2))
    save(other, a=1)
    with CallRecorder(visitor.client) as sent, pytest.raises(SessionConflict) as conflict:
        save(one, b=1)
    assert ["PutItem"] == sent.operations
    assert str(conflict.value).endswith(": another request saved it meanwhile")
    assert "PutItem" == conflict.value.operation
    assert visitor.options["table_name"] == conflict.value.table
    assert "ConditionalCheckFailedException" == conflict.value.aws_code
    assert {"a": 1} == visitor.finds()


def test_overwrite(visitor: Visitor) -> None:
    """With `concurrency = overwrite` the later save wins as a whole."""
    visitor.starts()
    one, other = (visitor.request(concurrency="overwrite") for _ in range(2))
    save(other, a=1)
    save(one, b=1)
    assert {"b": 1} == visitor.finds()


def test_own_write_is_recognised(visitor: Visitor, endpoint: Endpoint) -> None:
    """A write that arrived, whose answer was lost and that botocore sent again, is a success."""
    visitor.starts()
    session = visitor.request(concurrency="reject")

    def send_first(params: dict[str, Any], **_: object) -> None:
        """Have the same request arrive before, as if its answer had been lost."""
        events.unregister("before-parameter-build.dynamodb.PutItem", send_first)
        endpoint.client.put_item(**params)

    events = visitor.client.meta.events
    events.register("before-parameter-build.dynamodb.PutItem", send_first)
    with CallRecorder(visitor.client) as sent:
        save(session, a=1)
        save(session, b=1)

    assert ["ConditionalCheckFailedException", None] == [call.error_code for call in sent]
    assert {"a": 1, "b": 1} == visitor.finds()


def test_a_late_touch_keeps_what_the_request_saved(moved: dict[str, object]) -> None:
    """Our session's `save(accessed_only=True)` after a save does not go back to what it loaded."""
    visitor = Visitor({**moved, "touch_interval": 0}, DynamoDBSession)
    visitor.starts(a=1)
    session = visitor.request()
    save(session, b=2)
    session.save(accessed_only=True)
    assert {"a": 1, "b": 2} == visitor.finds()


def test_merging_ends(visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where somebody else is always quicker, the save raises SessionConflict after its time."""
    monkeypatch.setattr(conflict_retry, "CONFLICT_SECONDS", 0)
    monkeypatch.setattr(conflict_retry, "ROUND_TRIPS", 0)
    visitor.starts()
    session = visitor.request()

    def quicker(**_: object) -> None:
        events.unregister(event, quicker)
        save(visitor.request(), quicker=True)
        save(visitor.request(), quicker=False)
        events.register(event, quicker)

    event = "before-parameter-build.dynamodb.PutItem"
    events = visitor.client.meta.events
    events.register(event, quicker)
    with pytest.raises(SessionConflict) as caught:
        save(session, a=1)
    events.unregister(event, quicker)

    assert "PutItem" == caught.value.operation
    assert str(caught.value).endswith(": another request saved it meanwhile, 1 times")
    assert visitor.id is not None
    assert visitor.id not in str(caught.value)
    assert {"quicker": False} == visitor.finds()
