"""Ids that the application chose: it finds its session, and no cookie opens it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from beaker_dynamodb import DynamoDBNamespaceManager, DynamoDBSession
from beaker_dynamodb.wsgi.cookie_header import COOKIE_VALUE
from tests.servers.recorder import CallRecorder
from tests.sessions.driven import Visitor, save
from tests.sessions.site import COOKIE, Site, log_out, store, values

if TYPE_CHECKING:
    from tests.clock import Clock

LIFE = 1800
DEVICE = "device-1"


@pytest.fixture
def program(moved: dict[str, object]) -> Visitor:
    """A program that chooses the id of its session and uses no cookie."""
    program = Visitor({**moved, "timeout": LIFE}, DynamoDBSession)
    program.id = DEVICE
    return program


def test_the_reader_finds_what_the_writer_stored(program: Visitor) -> None:
    writer = program.request()
    assert (DEVICE, True, {}) == (writer.id, writer.is_new, values(writer))
    save(writer, progress=50)
    reader = program.request()
    assert (DEVICE, False, {"progress": 50}) == (reader.id, reader.is_new, values(reader))


def test_two_programs_that_start_together_store_one_session(program: Visitor) -> None:
    first, second = program.request(), program.request()
    save(first, a=1)
    save(second, b=1)
    assert {"a": 1, "b": 1} == program.finds()


@pytest.mark.parametrize("after", [LIFE + 1, LIFE + 121], ids=["timed out", "expired"])
def test_an_ended_session_starts_again_under_its_id(
    program: Visitor, clock: Clock, after: int
) -> None:
    program.starts(a=1)
    clock.advance(after)
    late = program.request()
    assert (DEVICE, True, {}) == (late.id, late.is_new, values(late))
    save(late, b=1)
    assert {"b": 1} == program.finds()


def test_changed_ids_are_fresh(program: Visitor) -> None:
    program.starts(a=1)
    session = program.request()
    session.regenerate_id()
    session.save()
    assert COOKIE_VALUE.fullmatch(session.id)
    session.invalidate()
    assert COOKIE_VALUE.fullmatch(session.id)


@pytest.mark.parametrize("chosen", [DEVICE, "0123456789abcdef" * 2 + ".progress", ""])
@pytest.mark.parametrize("mode", [{}, {"hash_ids": True}, {"consistent_read": "auto"}], ids=str)
def test_no_cookie_opens_it_or_costs_a_read(
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
    assert values(DynamoDBSession({}, id=chosen, use_cookies=False, **options)) == {"secret": 1}


def test_a_visitor_with_such_a_cookie_gets_another_session(options: dict[str, Any]) -> None:
    site = Site("ours", options)
    cookie = site(store(name="Ada"), f"{COOKIE}={DEVICE}").cookie
    assert cookie != f"{COOKIE}={DEVICE}"
    site(log_out, f"{COOKIE}={DEVICE}")
    assert {"name": "Ada"} == site(values, cookie).result
