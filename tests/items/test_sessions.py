"""A session's item: the key ``'session'`` of a namespace that is the session's id."""

from __future__ import annotations

import pytest

from tests.opening import Opener, payload


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
