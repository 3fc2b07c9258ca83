"""The session cookies in a ``Cookie`` header, whatever else the header contains."""

from __future__ import annotations

import http.cookies
from collections.abc import Callable
from time import time
from typing import Any

import pytest
from beaker.session import SignedCookie, _session_id
from hypothesis import given
from hypothesis import strategies as st

from beaker_dynamodb import StoreUnavailable
from beaker_dynamodb.wsgi.cookie_header import COOKIE_VALUE, candidates, cookie_values, new_id
from beaker_dynamodb.wsgi.cookie_signature import CookieSignatures
from tests.servers.endpoint import DynamoDBClient
from tests.servers.recorder import CallRecorder
from tests.sessions.site import COOKIE, UNKNOWN, Site, log_out, store, values
from tests.wsgi.outage import Outage

#: Cookies of other programs, as seen in the field.
OTHERS = ['p={"a": 1}', "p=a b", "p=\xe9", "p", "=x", "", 'p="unterminated', 'p="\\', "a[0]=1"]
OTHERS += ["p=1,2", "expires=Mon, 01 Jan 2035", "$Version=1", "p=\0", "(p)=<x>"]
OTHERS += ["ID=4567", "id.=4567", "p=id=4567", 'p="id=4567"']
ONE, TWO, THREE, FOUR = (digit * 32 for digit in "1234")
UNSIGNED = CookieSignatures(None, (), "sha256")
SIGNED = CookieSignatures("a secret", (), "sha256")

# A browser may send anything but the separator, decoded as Latin-1 (PEP 3333).
LATIN = st.text(st.characters(max_codepoint=255, exclude_characters=";"), max_size=20)
NAMES = st.just("id") | LATIN.filter(lambda text: "=" not in text and text.strip(" \t") == text)
VALUES = LATIN.filter(lambda text: text.strip(' \t"') == text)


def test_another_programs_cookie_hides_nothing() -> None:
    for other in OTHERS:
        for header in (f"{other}; id=0123", f"id=0123; {other}", f"id=0123;{other}"):
            assert ["0123"] == cookie_values(header, "id")


def test_no_cookie_of_that_name() -> None:
    for header in (None, "", ";", "id", "ID=1", "xid=1", "id[=1", "p=1,id=2"):
        assert [] == cookie_values(header, "id")


def test_values_are_unquoted_and_in_order() -> None:
    assert ["1", "2", "", '"', 'a"'] == cookie_values('id=1; p=3; id="2"; id=; id="; id=a"', "id")


@given(st.lists(st.tuples(NAMES, VALUES)))
def test_values_arrive_exactly_as_a_browser_sends_them(cookies: list[tuple[str, str]]) -> None:
    header = "; ".join(f"{name}={value}" for name, value in cookies)
    assert [value for name, value in cookies if name == "id"] == cookie_values(header, "id")


def test_issued_ids_are_cookie_values() -> None:
    for id in (new_id(), _session_id()):
        assert COOKIE_VALUE.fullmatch(id)
        assert COOKIE_VALUE.fullmatch(f"{id}.3.1700000000")


NOT_ISSUED = ["", "device-1", ONE[1:], f"x{ONE}", f"{ONE[1:]}G", "A" * 32, "\u0660" * 32]
NOT_ISSUED += [f"{ONE}.progress", f"{ONE}.1", f"{ONE}\n"]


@pytest.mark.owasp("Manage Session ID as Any Other User Input")
def test_other_values_are_not_tried() -> None:
    for value in NOT_ISSUED:
        assert {TWO: True} == candidates(f"id={value}; id={TWO}", "id", UNSIGNED)


@given(st.lists(LATIN).map("; id=".join))
def test_only_issued_ids_of_any_header_are_tried(header: str) -> None:
    assert all(COOKIE_VALUE.fullmatch(value) for value in candidates(header, "id", UNSIGNED))


def test_each_value_is_tried_once_and_three_at_most() -> None:
    header = "; ".join(f"id={value}" for value in (ONE, ONE, TWO, THREE, FOUR))
    assert dict.fromkeys((ONE, TWO, THREE), True) == candidates(header, "id", UNSIGNED)


def test_with_a_secret_only_signed_values_are_tried() -> None:
    signed = SIGNED.sign("id", ONE)
    forged = f"{'0' * 40}{THREE}"
    by_beaker = [SignedCookie("a secret").value_encode(one)[1] for one in (ONE, TWO)]
    header = "; ".join(f"id={value}" for value in (FOUR, forged, *by_beaker, signed))
    assert {ONE: True, TWO: False} == candidates(header, "id", SIGNED)


# -- in a request -------------------------------------------------------------------------------


@pytest.fixture(params=[{}, {"secret": "a secret"}], ids=["plain", "signed"])
def site(request: pytest.FixtureRequest, options: dict[str, Any]) -> Site:
    return Site("ours", {**options, **request.param})


@pytest.fixture
def good(site: Site) -> str:
    return site(store(user="Ada")).cookie


def ended(site: Site) -> str:
    """Return the cookie of a session whose marker has expired."""
    cookie = site(store(user="before")).cookie
    Site("ours", {**site.options, "clock": lambda: time() - 60})(log_out, cookie)
    return cookie


def test_a_hostile_header_never_reaches_the_standard_parser(
    site: Site, good: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its unquoting takes quadratic time (CVE-2024-7592): count its input."""
    unquote: Callable[[str], str] = http.cookies._unquote
    given = 0

    def counted(text: str) -> str:
        nonlocal given
        given += len(text)
        return unquote(text)

    monkeypatch.setattr(http.cookies, "_unquote", counted)
    hostile = '"' + "\\" * 65_536 + '"'
    for header in (f"p={hostile}; {good}", f"{COOKIE}={hostile}; {good}", f"{COOKIE}={hostile}"):
        assert ({"user": "Ada"} if good in header else {}) == site(values, header).result
    assert given < 1000


def test_a_stale_cookie_before_a_good_one_costs_one_more_read(
    site: Site, good: str, client: DynamoDBClient
) -> None:
    stale = ended(site)
    with CallRecorder(client) as calls:
        assert {"user": "Ada"} == site(values, f"{stale}; {good}").result
        assert {"user": "Ada"} == site(values, f"{good}; {stale}").result
    assert ["GetItem"] * 3 == calls.operations


def test_a_save_goes_to_the_session_that_was_found(site: Site, good: str) -> None:
    left = site(store(user="Ada")).cookie
    site(log_out, left)  # leaves a marker
    for other in (ended(site), left):
        assert [] == site(store(cart=["tea"]), f"{other}; {good}").set_cookies
    assert {"user": "Ada", "cart": ["tea"]} == site(values, good).result


@pytest.mark.owasp(
    "Session ID Generation and Verification: Permissive and Strict Session Management"
)
def test_no_unknown_id_is_adopted(site: Site) -> None:
    stale = [ended(site), ended(site)]
    assert site(store(user="Eve"), "; ".join(stale)).cookie not in stale
    assert [{}, {}] == [site(values, cookie).result for cookie in stale]


def test_a_store_error_is_not_an_unknown_session(site: Site, good: str, outage: Outage) -> None:
    with outage.of("GetItem"), pytest.raises(StoreUnavailable):
        site(values, f"{good}; {UNKNOWN}")
    assert ["GetItem"] == outage.refused
