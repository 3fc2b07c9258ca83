"""A session's item: the key ``'session'`` of a namespace that is the session's id."""

from __future__ import annotations

import pytest

from tests.clock import Clock
from tests.opening import Opener, payload
from tests.servers.recorder import CallRecorder


def test_a_session_that_was_never_saved_is_a_key_error(open_namespace: Opener) -> None:
    manager = open_namespace("id")
    with pytest.raises(KeyError) as caught:
        manager["session"]
    assert KeyError is caught.type
    assert "session" not in open_namespace("id")
    assert [] == manager.keys()


@pytest.mark.both_shapes
def test_a_session_is_read_as_it_was_saved(open_namespace: Opener) -> None:
    open_namespace("id")["session"] = payload(user="Zoë")
    manager = open_namespace("id")
    assert payload(user="Zoë") == manager["session"]
    assert "session" in manager
    assert manager.has_key("session")
    assert ["session"] == manager.keys()


@pytest.mark.both_servers
def test_a_change_keeps_the_creation_time_and_increments_the_version(
    open_namespace: Opener, clock: Clock
) -> None:
    open_namespace("id")["session"] = payload(a=1)
    first = open_namespace.item()
    created = clock.now
    clock.advance(10)
    manager = open_namespace("id")
    assert payload(a=1) == manager["session"]
    manager["session"] = payload(a=2)
    second = open_namespace.item()
    assert created == float(first["created"]["N"]) == float(second["created"]["N"])
    assert [created, clock.now] == [float(item["accessed"]["N"]) for item in (first, second)]
    assert ["1", "2"] == [item["version"]["N"] for item in (first, second)]
    assert first["writer"] != second["writer"]
    assert payload(a=2) == open_namespace("id")["session"]


def test_a_request_costs_one_read_and_one_write(open_namespace: Opener, sent: CallRecorder) -> None:
    open_namespace("id")["session"] = payload(a=1)
    sent.clear()
    manager = open_namespace("id")
    assert payload(a=1) == manager["session"]
    assert ["GetItem"] == sent.operations
    manager["session"] = payload(a=2)
    assert ["GetItem", "PutItem"] == sent.operations


@pytest.mark.both_servers
@pytest.mark.parametrize("verb", ["del", "remove"])
def test_a_deleted_session_leaves_a_marker(open_namespace: Opener, verb: str) -> None:
    open_namespace("id")["session"] = payload(a=1)
    open_namespace("neighbour")["session"] = payload(a=2)
    manager = open_namespace("id")
    assert payload(a=1) == manager["session"]
    if verb == "del":
        del manager["session"]
    else:
        manager.remove()
    types = {item["id"]["S"]: item["type"]["S"] for item in open_namespace.items()}
    assert {"sess:id": "beaker-marker", "sess:neighbour": "beaker-session"} == types
    with pytest.raises(KeyError):
        open_namespace("id")["session"]


def test_deleting_a_missing_session_changes_nothing(open_namespace: Opener) -> None:
    del open_namespace("id")["session"]
    assert [] == open_namespace.items()
