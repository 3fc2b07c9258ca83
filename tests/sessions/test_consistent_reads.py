"""Reads that must see the latest write, though the option ``consistent_read`` would not ask for it.

Servers for tests always do, so what counts here is what is sent.
"""

from __future__ import annotations

from typing import Any

import pytest
from beaker.session import Session

from beaker_dynamodb import DynamoDBNamespaceManager
from beaker_dynamodb.session import DynamoDBSession
from tests.clock import Clock
from tests.servers.recorder import CallRecorder
from tests.sessions.driven import Visitor, save
from tests.sessions.site import Site, store, values


def consistent_reads(sent: CallRecorder) -> list[bool]:
    return [call.params["ConsistentRead"] for call in sent if call.operation == "GetItem"]


@pytest.mark.parametrize("session_class", [Session, DynamoDBSession], ids=["beaker", "ours"])
def test_save_that_has_waited_reads_consistently(
    moved: dict[str, object], session_class: type[Any]
) -> None:
    visitor = Visitor({**moved, "consistent_read": False}, session_class)
    visitor.starts()
    session = visitor.request()
    rivals = ["first", "second", "third", "fourth"]

    def save_before(**_: object) -> None:
        events.unregister(event, save_before)
        if rivals:
            save(visitor.request(), **{rivals.pop(0): True})
            events.register(event, save_before)

    event = "before-parameter-build.dynamodb.PutItem"
    events = visitor.client.meta.events
    events.register(event, save_before)
    with CallRecorder(visitor.client) as sent:
        save(session, mine=True)

    # One read of each rival. The items that came with the first errors are used as they are; after
    # the fourth there was a pause.
    assert [False] * 4 + [True] == consistent_reads(sent)
    kept = dict.fromkeys(("first", "second", "third", "fourth"), True)
    assert {**kept, "mine": True} == visitor.finds()


@pytest.mark.parametrize(("seconds", "consistent"), [(0, True), (5, True), (5.001, False)])
def test_auto_reads_consistently_for_5_seconds_after_a_change(
    moved: dict[str, object], clock: Clock, seconds: float, consistent: bool
) -> None:
    options = {**moved, "consistent_read": "auto"}
    site = Site("ours", options)
    cookie = site(store(name="Ada")).cookie
    clock.advance(seconds)
    with CallRecorder(DynamoDBNamespaceManager("any", **options).client) as sent:
        assert {"name": "Ada"} == site(values, cookie).result
    assert [consistent] == consistent_reads(sent)
