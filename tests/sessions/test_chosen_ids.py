"""An id that the program chose, and which no cookie opens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from beaker.session import _session_id

from beaker_dynamodb import DynamoDBNamespaceManager, DynamoDBSession
from beaker_dynamodb.wsgi.cookie_header import COOKIE_VALUE, new_id
from tests.servers.recorder import CallRecorder
from tests.sessions.driven import Visitor, save
from tests.sessions.site import COOKIE, Site, log_out, store, values

if TYPE_CHECKING:
    from tests.clock import Clock

LIFE = 1800
DEVICE = "device-1"
#: Ids that a program may choose, and no browser may reach.
CHOSEN = [
    DEVICE,
    "0123456789abcdef",
    "0123456789abcdef" * 2 + ".progress",
    "0123456789ABCDEF" * 2,
    "0123456789abcdef" * 2 + "\n",
    "",
]
MODES: list[dict[str, object]] = [{}, {"hash_ids": True}, {"consistent_read": "auto"}]


@pytest.fixture
def program(moved: dict[str, object]) -> Visitor:
    """A program that chooses the id of its sessions itself, and uses no cookie."""
    program = Visitor({**moved, "timeout": LIFE}, DynamoDBSession)
    program.id = DEVICE
    return program


def test_the_reader_finds_what_the_writer_stored(program: Visitor) -> None:
    writer = program.request()
    assert (DEVICE, True, {}) == (writer.id, writer.is_new, values(writer))
    save(writer, progress=50)
    reader = program.request()
    assert (DEVICE, False, {"progress": 50}) == (reader.id, reader.is_new, values(reader))


def test_two_that_begin_at_once_store_one_session(program: Visitor) -> None:
    first, second = program.request(), program.request()
    save(first, a=1)
    save(second, b=1)
    assert {"a": 1, "b": 1} == program.finds()


def test_it_begins_anew_under_its_id_when_it_has_timed_out(program: Visitor, clock: Clock) -> None:
    program.starts(a=1)
    clock.advance(LIFE + 1)
    late = program.request()
    assert (DEVICE, True, {}) == (late.id, late.is_new, values(late))
    save(late, b=1)
    assert {"b": 1} == program.finds()


def test_it_begins_anew_under_its_id_when_it_has_expired(program: Visitor, clock: Clock) -> None:
    program.starts(a=1)
    clock.advance(LIFE + 121)
    save(program.request(), b=1)
    assert {"b": 1} == program.finds()


def test_it_gets_another_id_if_the_program_asks_for_one(program: Visitor) -> None:
    program.starts(a=1)
    session = program.request()
    session.regenerate_id()
    session.save()
    assert is_issued(session.id)
    session.invalidate()
    assert is_issued(session.id)


@pytest.mark.parametrize("chosen", CHOSEN)
@pytest.mark.parametrize("mode", MODES, ids=str)
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
    assert is_issued(id)
    assert values(DynamoDBSession({}, id=chosen, use_cookies=False, **options)) == {"secret": 1}


def test_a_visitor_with_such_a_cookie_gets_a_session_of_his_own(options: dict[str, Any]) -> None:
    site = Site("ours", options)
    cookie = site(store(name="Ada"), f"{COOKIE}={DEVICE}").cookie
    assert cookie != f"{COOKIE}={DEVICE}"
    assert {"name": "Ada"} == site(values, cookie).result
    site(log_out, f"{COOKIE}={DEVICE}")
    assert {"name": "Ada"} == site(values, cookie).result


def is_issued(id: str) -> bool:
    """Return whether a cookie opens it."""
    return COOKIE_VALUE.fullmatch(id) is not None


@pytest.mark.parametrize("id", [*CHOSEN, "\u0660" * 32])
def test_ids_that_are_not_issued(id: str) -> None:
    assert not is_issued(id)


@pytest.mark.parametrize("id", [new_id(), _session_id()], ids=["ours", "Beaker's"])
def test_issued_ids(id: str) -> None:
    assert is_issued(id)
    assert is_issued(f"{id}.3.1700000000")
