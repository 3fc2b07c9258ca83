"""Sessions are found in Cookie headers that other programs and other paths have a share in."""

from __future__ import annotations

import http.cookies
from collections.abc import Callable
from time import time
from typing import TYPE_CHECKING
from unittest.mock import Mock

import pytest
from botocore.exceptions import ClientError

from beaker_dynamodb import StoreUnavailable
from tests.servers.recorder import CallRecorder
from tests.sessions.site import COOKIE, Site, log_out, store, values
from tests.unit.test_cookies import OTHERS

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient


@pytest.fixture
def here(client: DynamoDBClient, table_name: str) -> dict[str, object]:
    """Options with a client whose calls are counted."""
    return {"client": client, "table_name": table_name}


@pytest.fixture(params=[{}, {"secret": "a secret"}], ids=["plain", "signed"])
def site(request: pytest.FixtureRequest, here: dict[str, object]) -> Site:
    return Site("ours", {**here, **request.param})


def ended(site: Site) -> str:
    """Return the cookie of a session that has ended and left no marker."""
    cookie = site(store(user="before")).cookie
    Site("ours", {**site.options, "clock": lambda: time() - 60})(log_out, cookie)
    return cookie


@pytest.mark.parametrize("other", OTHERS)
def test_a_visitor_stays_logged_in_beside_another_programs_cookie(site: Site, other: str) -> None:
    cookie = site(store(user="Ada")).cookie
    for header in (f"{other}; {cookie}", f"{cookie}; {other}"):
        answer = site(values, header)
        assert {"user": "Ada"} == answer.result
        assert [] == answer.set_cookies


def test_a_hostile_header_does_not_reach_the_standard_parser(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its unquoting takes quadratic time (CVE-2024-7592): count what it is given."""
    unquote: Callable[[str], str] = http.cookies._unquote
    given = 0

    def counted(text: str) -> str:
        nonlocal given
        given += len(text)
        return unquote(text)

    monkeypatch.setattr(http.cookies, "_unquote", counted)
    hostile = '"' + "\\" * 65_536 + '"'
    cookie = site(store(user="Ada")).cookie
    for header in (
        f"other={hostile}; {cookie}",
        f"{COOKIE}={hostile}; {cookie}",
        f"{cookie}; {COOKIE}={hostile}",
        f"{COOKIE}={hostile}",
    ):
        found = site(values, header).result
        assert ({"user": "Ada"} if cookie in header else {}) == found
    assert given < 1000


def test_a_stale_cookie_before_the_good_one_costs_one_more_read(
    site: Site, client: DynamoDBClient
) -> None:
    good, stale = site(store(user="Ada")).cookie, ended(site)
    with CallRecorder(client) as calls:
        answer = site(values, f"{stale}; {good}")
    assert {"user": "Ada"} == answer.result
    assert ["GetItem", "GetItem"] == calls.operations
    with CallRecorder(client) as calls:
        assert {"user": "Ada"} == site(values, f"{good}; {stale}").result
    assert ["GetItem"] == calls.operations


def test_a_marker_counts_as_unknown(site: Site) -> None:
    good, left = site(store(user="Ada")).cookie, site(store(user="Ada")).cookie
    site(log_out, left)
    assert {"user": "Ada"} == site(values, f"{left}; {good}").result


def test_what_is_saved_goes_to_the_session_that_was_found(site: Site) -> None:
    good, stale = site(store(user="Ada")).cookie, ended(site)
    answer = site(store(cart=["tea"]), f"{stale}; {good}")
    assert [] == answer.set_cookies
    assert {"user": "Ada", "cart": ["tea"]} == site(values, good).result


def test_no_more_than_three_cookies_are_tried(site: Site, client: DynamoDBClient) -> None:
    good = site(store(user="Ada")).cookie
    stale = [ended(site) for _ in range(3)]
    assert {"user": "Ada"} == site(values, "; ".join([*stale[:2], good])).result
    with CallRecorder(client) as calls:
        assert {} == site(values, "; ".join([*stale, good])).result
    assert 3 == len(calls)


def test_a_cookie_sent_twice_is_tried_once(site: Site, client: DynamoDBClient) -> None:
    stale = ended(site)
    with CallRecorder(client) as calls:
        assert {} == site(values, f"{stale}; {stale}").result
    assert ["GetItem"] == calls.operations


def test_cookies_that_cannot_be_ours_are_not_tried(site: Site, client: DynamoDBClient) -> None:
    good = site(store(user="Ada")).cookie
    name, _, value = good.partition("=")
    forged = [f"{name}={text}" for text in ("", "device-1", f"x{value}", f"{value[:-1]}G", "é")]
    with CallRecorder(client) as calls:
        assert {"user": "Ada"} == site(values, "; ".join([*forged, good])).result
    assert ["GetItem"] == calls.operations


def test_an_unsigned_cookie_is_passed_over(here: dict[str, object]) -> None:
    site = Site("ours", {**here, "secret": "a secret"})
    good = site(store(user="Ada")).cookie
    name, _, value = good.partition("=")
    forged = f"{name}={'0' * 40}{value[40:]}"
    assert {} == site(values, forged).result
    assert {"user": "Ada"} == site(values, f"{forged}; {good}").result


def test_no_unknown_cookie_is_adopted(site: Site) -> None:
    stale = [ended(site), ended(site)]
    answer = site(store(user="Eve"), "; ".join(stale))
    assert answer.cookie not in stale
    assert [{}, {}] == [site(values, cookie).result for cookie in stale]


def test_a_store_error_is_not_an_unknown_session(
    site: Site, client: DynamoDBClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = site(store(user="Ada")).cookie, site(store(user="Eve")).cookie
    error = ClientError({"Error": {"Code": "InternalServerError"}}, "GetItem")
    refused = Mock(side_effect=error)
    monkeypatch.setattr(client, "get_item", refused)
    with pytest.raises(StoreUnavailable):
        site(values, f"{first}; {second}")
    assert 1 == refused.call_count
