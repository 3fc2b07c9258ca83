"""Cookies that no browser would send, through Beaker's own middleware, which keeps any id."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from beaker.cache import CacheManager

from tests.beaker import COOKIE, Browser, items, own_caches, values

if TYPE_CHECKING:
    from collections.abc import Iterator

    from types_boto3_dynamodb import DynamoDBClient

VICTIM = "0123456789abcdef"
#: Session ids as the store receives them.
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
    "victim and NUL": VICTIM + "\0",
    "victim and space": VICTIM + " ",
    "controls": "\0\r\n\t\x7f",
    "not ASCII": "é\xff",
    "quotes": '"\\"',
    "empty": "",
}


@pytest.fixture
def shared(options: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A table in which a session and a cache share a prefix: only the form of keys differs."""
    shared = {**options, "prefix": "app"}
    with own_caches():
        Browser(shared).visit(_save("victim"), cookie=f"{COOKIE}={VICTIM}")
        cache = CacheManager(type="ext:dynamodb", **shared).get_cache("news")
        cache.put("front", "page")
        cache.put("", "nothing")
        yield shared


def _save(user: str) -> Any:
    def save(session: Any) -> tuple[str, dict[str, Any]]:
        found = values(session)
        session["user"] = user
        session.save()
        return session.id, found

    return save


def quoted(session_id: str) -> str:
    r"""Return a cookie's value as RFC 2109 quotes it: ``\000`` for NUL."""
    escaped = (c if c.isalnum() and c.isascii() else f"\\{ord(c):03o}" for c in session_id)
    return '"' + "".join(escaped) + '"'


def test_each_id_has_its_own_session_and_touches_no_other_item(
    shared: dict[str, Any], client: DynamoDBClient, table_name: str
) -> None:
    browser, before = Browser(shared), items(client, table_name)
    for session_id in IDS.values():
        header = f"{COOKIE}={quoted(session_id)}"
        assert (session_id, {}) == browser.visit(_save(session_id), cookie=header)
    after = items(client, table_name)
    assert len(before) + len(IDS) == len(after)
    assert before == {key: after[key] for key in before}
    for session_id in IDS.values():
        header = f"{COOKIE}={quoted(session_id)}"
        assert {"user": session_id} == browser.visit(values, cookie=header)


@pytest.mark.parametrize(
    "header", [f"{COOKIE}=é", f"{COOKIE}", ";;==", f'{COOKIE}="\\', f"{COOKIE}={'|%' * 1500}"]
)
def test_a_malformed_header_results_in_an_empty_session(
    shared: dict[str, Any], header: str
) -> None:
    _, found = Browser(shared).visit(_save("attacker"), cookie=header)
    assert {} == found
