"""The data of a request's session is freed when the request ends, without the garbage collector."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.sessions.site import ENCRYPTED, store
from tests.wsgi.raw import Options, page, send, wrap

ACTIONS: dict[str, Callable[[Any], object]] = {
    "read": lambda session: session["name"],
    "change": lambda session: session.update(name="Eve") or session.save(),
    "another id": lambda session: session.regenerate_id() or session.save(),
    "another session": lambda session: session.invalidate() or session.save(),
    "log-out": lambda session: session.delete(),
}


@pytest.fixture
def no_collector() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize("extra", [{}, ENCRYPTED], ids=["plain", "encrypted"])
@pytest.mark.parametrize("name", ACTIONS)
def test_a_session_is_freed_at_the_end_of_its_request(
    options: Options, name: str, extra: Options
) -> None:
    cookie = send(wrap(page(store(name="Ada")), options, **extra)).cookie
    sessions = []

    def act(session: Any) -> None:
        ACTIONS[name](session)
        sessions.append(weakref.ref(session._session()))

    send(wrap(page(act), options, **extra), cookie)
    assert [None] == [session() for session in sessions]
