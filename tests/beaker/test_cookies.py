"""Cookies that no browser of ours would send: a session for each, and nobody else's item."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from beaker.cache import CacheManager

from tests.beaker import COOKIE, Browser, items, own_caches, values

if TYPE_CHECKING:
    from collections.abc import Iterator

    from types_boto3_dynamodb import DynamoDBClient


VICTIM = "0123456789abcdef"
#: Session ids as the store gets to see them.
IDS = {
    "long": "x" * 3000,
    "long, other end": "x" * 2999 + "y",
    "cache entry": "news|front",
    "cache entry with its prefix": "app:news|front",
    "cache entry, escaped": "news%7Cfront",
    "cache namespace": "news",
    "lock": "|lock|news|front",
    "digest": "%#" + "0" * 64,
    "pipe": "|",
    "percent": "%",
    "victim, escaped": "%30" + VICTIM[1:],
    "victim, NUL at the end": VICTIM + "\0",
    "victim, space at the end": VICTIM + " ",
    "NUL": "\0",
    "controls": "\r\n\t\x7f",
    "not ASCII": "é\xff",
    "quotes": '"\\"',
    "nothing": "",
}


@pytest.fixture(autouse=True)
def _caches() -> Iterator[None]:
    with own_caches():
        yield


@pytest.fixture
def shared(options: dict[str, Any]) -> dict[str, Any]:
    """A table in which a session and a cache share one prefix: only the keys' form parts them."""
    shared = {**options, "prefix": "app"}
    Browser(shared).visit(_log_in, cookie=f"{COOKIE}={VICTIM}")
    cache = CacheManager(type="ext:dynamodb", **shared).get_cache("news")
    cache.put("front", "page")
    cache.put("", "nothing")
    return shared


def _log_in(session: Any) -> None:
    session["user"] = "victim"
    session.save()


def _take_over(session: Any) -> tuple[str, dict[str, Any]]:
    found = values(session)
    session["user"] = "attacker"
    session.save()
    return session.id, found


def quoted(session_id: str) -> str:
    r"""Give a cookie's value as RFC 2109 quotes it: ``\000`` for NUL."""
    return (
        '"'
        + "".join(c if c.isalnum() and c.isascii() else f"\\{ord(c):03o}" for c in session_id)
        + '"'
    )


@pytest.mark.parametrize("session_id", IDS.values(), ids=IDS.keys())
def test_hostile_id(
    shared: dict[str, Any], client: DynamoDBClient, table_name: str, session_id: str
) -> None:
    """Any id gives an empty session, and every other item stays as it was."""
    before = items(client, table_name)

    seen, found = Browser(shared).visit(_take_over, cookie=f"{COOKIE}={quoted(session_id)}")

    after = items(client, table_name)
    assert (session_id, {}) == (seen, found)
    assert len(before) + 1 == len(after)
    assert before == {key: after[key] for key in before}


def test_ids_differ(shared: dict[str, Any]) -> None:
    """Each of these ids is a session of its own."""
    for session_id in IDS.values():
        Browser(shared).visit(_keep(session_id), cookie=f"{COOKIE}={quoted(session_id)}")
    kept = [
        Browser(shared).visit(values, cookie=f"{COOKIE}={quoted(session_id)}")["mine"]
        for session_id in IDS.values()
    ]
    assert list(IDS.values()) == kept


def _keep(session_id: str) -> Any:
    def keep(session: Any) -> None:
        session["mine"] = session_id
        session.save()

    return keep


@pytest.mark.parametrize(
    "header",
    [f"{COOKIE}=é", f"{COOKIE}=", f"{COOKIE}", ";;==", f'{COOKIE}="\\', f"{COOKIE}={'|%' * 1500}"],
)
def test_raw_header(shared: dict[str, Any], header: str) -> None:
    """A Cookie header that is no proper one gives an empty session."""
    _, found = Browser(shared).visit(_take_over, cookie=header)
    assert {} == found
