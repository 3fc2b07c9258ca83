"""Changing, ending and choosing ids: an old, replaced or unknown id opens no session."""

from __future__ import annotations

from time import time
from typing import TYPE_CHECKING, Any

import pytest

from beaker_dynamodb import DynamoDBNamespaceManager, DynamoDBSession
from beaker_dynamodb.wsgi.cookie_header import COOKIE_VALUE
from tests.servers.recorder import CallRecorder
from tests.sessions.driven import Visitor, save, stored_sessions
from tests.sessions.site import COOKIE, ENCRYPTED, UNKNOWN, Site, log_out, store, values

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

    from tests.clock import Clock

LIFE = 1800
DEVICE = "device-1"


@pytest.mark.owasp("7.2.4")
@pytest.mark.parametrize(
    ("method", "more"),
    [
        ("invalidate", {}),
        ("regenerate_id", {}),
        ("regenerate_id", {"secret": "s"}),
        ("regenerate_id", ENCRYPTED),
        ("regenerate_id", {"hash_ids": True}),
    ],
    ids=["invalidate", "plain", "secret", "encrypted", "hashed"],
)
def test_the_old_cookie_opens_nothing(
    options: dict[str, Any], client: DynamoDBClient, method: str, more: dict[str, object]
) -> None:
    site = Site("ours", {**options, **more})

    def log_in(session: Any) -> None:
        getattr(session, method)()
        store(name="Grace")(session)

    old = site(store(name="Ada")).cookie
    new = site(log_in, old).cookie
    assert [{}, {"name": "Grace"}] == [site(values, cookie).result for cookie in (old, new)]
    assert 1 == len(stored_sessions(client, options["table_name"]))


@pytest.mark.owasp(
    "7.2.1", "Session ID Generation and Verification: Permissive and Strict Session Management"
)
def test_an_unknown_id_is_replaced(options: dict[str, Any]) -> None:
    """Session fixation: an attacker may have chosen the id."""
    site = Site("ours", options)
    deleted = site(store(name="Ada")).cookie
    Site("ours", {**site.options, "clock": lambda: time() - 60})(log_out, deleted)
    for cookie in (deleted, UNKNOWN, f"{COOKIE}=invented"):
        new = site(store(name="Eve"), cookie).cookie
        assert cookie.partition("=")[2] != new.partition("=")[2]
        assert [{}, {"name": "Eve"}] == [site(values, one).result for one in (cookie, new)]


def test_regenerating_is_one_transaction(ours: Visitor) -> None:
    session = ours.request()
    for _ in range(2):
        session.regenerate_id()
    with CallRecorder(ours.client) as sent:
        save(session, b=1)
        save(session, c=1)
    assert ["TransactWriteItems", "PutItem"] == sent.operations
    assert {} == ours.finds()
    ours.id = session.id
    assert {"a": 1, "b": 1, "c": 1} == ours.finds()


@pytest.mark.parametrize("end", ["delete", "invalidate"])
def test_ending_after_regenerating_leaves_no_session_item(
    ours: Visitor, end: str, client: DynamoDBClient, table_name: str
) -> None:
    session = ours.request()
    session.regenerate_id()
    getattr(session, end)()
    assert [] == stored_sessions(client, table_name)


# -- ids that a program without cookies chooses -----------------------------------------------


@pytest.mark.parametrize(
    "after", [LIFE + 1, LIFE + 121, 0], ids=["timed out", "expired", "deleted"]
)
def test_a_chosen_id_opens_its_session_and_starts_another_after_its_end(
    moved: dict[str, Any], clock: Clock, after: int
) -> None:
    program = Visitor({**moved, "timeout": LIFE}, DynamoDBSession)
    program.id = DEVICE
    for data in ({"a": 1}, {"b": 1}):
        writer = program.request()
        assert (DEVICE, True, {}) == (writer.id, writer.is_new, values(writer))
        save(writer, **data)
        reader = program.request()
        assert (DEVICE, False, data) == (reader.id, reader.is_new, values(reader))
        clock.advance(after)
        if not after:
            reader.delete()


def test_changed_ids_are_fresh(ours: Visitor) -> None:
    session = ours.request()
    session.regenerate_id()
    session.save()
    assert COOKIE_VALUE.fullmatch(session.id)
    session.invalidate()
    assert COOKIE_VALUE.fullmatch(session.id)


@pytest.mark.parametrize(
    ("chosen", "mode"),
    [
        (DEVICE, {}),
        ("0123456789abcdef" * 2 + ".progress", {"consistent_read": "auto"}),
        ("", {"hash_ids": True}),
    ],
)
def test_no_cookie_opens_a_chosen_id_or_costs_a_read(
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
