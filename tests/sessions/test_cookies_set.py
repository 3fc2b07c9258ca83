"""Whatever an application does in a request: a cookie that is set opens a session, or expires."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.sessions.site import UNKNOWN, Site, log_out, store

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

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
COOKIES = [[], ["unknown"], ["known"], ["ended"], ["ended", "known"]]
SETTINGS: list[dict[str, object]] = [
    {},
    {"auto": True},
    {"save_accessed_time": False},
    {"consistent_read": "auto"},
]


def cookie_of(site: Site, kind: str) -> str:
    if kind == "unknown":
        return UNKNOWN
    cookie = site(store(user="Eve")).cookie
    if kind == "ended":
        site(log_out, cookie)
    return cookie


@pytest.mark.full
@settings(max_examples=100, suppress_health_check=list(HealthCheck))
@given(
    setting=st.sampled_from(SETTINGS),
    kinds=st.sampled_from(COOKIES),
    steps=st.lists(st.sampled_from(list(STEPS)), max_size=6),
)
@example(setting={}, kinds=["known"], steps=["read", "log out elsewhere", "set", "save"])
@example(setting={}, kinds=["known"], steps=["read", "log out elsewhere", "regenerate_id", "save"])
@example(setting={}, kinds=["ended"], steps=["regenerate_id", "persist"])
@example(setting={}, kinds=[], steps=["path", "regenerate_id"])
@example(setting={}, kinds=["known"], steps=["invalidate"])
def test_a_cookie_opens_a_session_or_expires(
    here: DynamoDBClient, setting: dict[str, object], kinds: list[str], steps: list[str]
) -> None:
    site = Site("ours", {"client": here, "table_name": "set-cookies", **setting})
    cookie = "; ".join(cookie_of(site, kind) for kind in kinds)

    def act(session: Any) -> None:
        for step in steps:
            if step == "log out elsewhere":
                site(log_out, cookie)
            else:
                STEPS[step](session)

    for set_cookie in site(act, cookie).set_cookies:
        if "expires=" not in set_cookie:
            id = set_cookie.partition("=")[2].partition(";")[0].partition(".")[0]
            read = here.get_item(TableName="set-cookies", Key={"id": {"S": f"sess:{id}"}})
            assert {"S": "beaker-session"} == read["Item"]["type"]
