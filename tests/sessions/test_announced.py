"""Whatever a request does: a cookie that it sets leads to a session, or expires."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.chaos.inputs import FUZZ
from tests.chaos.scripted import dynamodb_here
from tests.sessions.site import COOKIE, UNKNOWN, Site, log_out, store, values

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

#: What an application may do with a session, by name.
STEPS: dict[str, Any] = {
    "read": lambda session: session.get("user"),
    "set": lambda session: session.update(user="Ada"),
    "save": lambda session: session.save(),
    "persist": lambda session: session.persist(),
    "delete": lambda session: session.delete(),
    "invalidate": lambda session: session.invalidate(),
    "regenerate_id": lambda session: session.regenerate_id(),
    "clear": lambda session: session.clear(),
    "revert": lambda session: session.revert(),
    "path": lambda session: setattr(session, "path", "/shop"),
    "log out elsewhere": None,
}
COOKIES = ["none", "unknown", "known", "ended", "ended and known"]
SETTINGS: list[dict[str, object]] = [
    {},
    {"auto": True},
    {"save_accessed_time": False},
    {"consistent_read": "auto"},
]


@pytest.fixture(scope="module")
def here() -> Iterator[DynamoDBClient]:
    with dynamodb_here() as client:
        yield client


def header(site: Site, kind: str) -> str:
    """Return a ``Cookie`` header: of no session, of one, of one that ended, or of two."""
    known = site(store(user="Eve")).cookie
    ended = site(store(user="Eve")).cookie
    site(log_out, ended)
    return {
        "none": "",
        "unknown": UNKNOWN,
        "known": known,
        "ended": ended,
        "ended and known": f"{ended}; {known}",
    }[kind]


@pytest.mark.full
@FUZZ
@given(
    setting=st.sampled_from(SETTINGS),
    kind=st.sampled_from(COOKIES),
    steps=st.lists(st.sampled_from(list(STEPS)), max_size=6),
)
@example(setting={}, kind="known", steps=["read", "log out elsewhere", "set", "save"])
@example(setting={}, kind="known", steps=["read", "log out elsewhere", "regenerate_id", "save"])
@example(setting={}, kind="ended", steps=["regenerate_id", "persist"])
@example(setting={}, kind="none", steps=["path", "regenerate_id"])
@example(setting={}, kind="known", steps=["invalidate"])
def test_a_cookie_leads_to_a_session_or_expires(
    here: DynamoDBClient, setting: dict[str, object], kind: str, steps: list[str]
) -> None:
    site = Site("ours", {"client": here, "table_name": "announced", **setting})
    cookie = header(site, kind)

    def act(session: Any) -> None:
        for step in steps:
            if step == "log out elsewhere":
                site(log_out, cookie)
            else:
                STEPS[step](session)

    for set_cookie in site(act, cookie).set_cookies:
        if "expires=" not in set_cookie:
            id = set_cookie.partition("=")[2].partition(";")[0].partition(".")[0]
            read = here.get_item(TableName="announced", Key={"id": {"S": f"sess:{id}"}})
            assert {"S": "beaker-session"} == read["Item"]["type"]
            site(values, f"{COOKIE}={id}")
