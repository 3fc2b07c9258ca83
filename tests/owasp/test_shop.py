"""OWASP requirements, tested through a whole application with WebTest."""

from __future__ import annotations

import re
from http.cookies import SimpleCookie
from typing import TYPE_CHECKING, Any

import pytest

from beaker_dynamodb import StoreUnavailable
from beaker_dynamodb.wsgi.cookie_header import COOKIE_VALUE
from tests.chaos.watch import secret
from tests.clock import Clock
from tests.format.tables import beaker_at
from tests.owasp.shop import KEY, Shop, log_in, user
from tests.wsgi.outage import Outage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from types_boto3_dynamodb import DynamoDBClient

#: The largest cookie that browsers keep: name and value, in bytes (RFC 6265bis, section 5.6).
MAX_COOKIE_BYTES = 4096


@pytest.fixture(autouse=True)
def clock() -> Iterator[Clock]:
    """The clock of Beaker and the package."""
    clock = Clock(4_000_000_000.0)
    with beaker_at(clock):
        yield clock


@pytest.fixture(params=[{}, {"secret": secret("shop")}], ids=["plain", "signed"])
def given(request: pytest.FixtureRequest, options: dict[str, Any], clock: Clock) -> dict[str, Any]:
    return {**options, **request.param, "clock": clock}


@pytest.fixture
def shop(given: dict[str, Any]) -> Shop:
    return Shop(given)


# -- the cookie -------------------------------------------------------------------------------


@pytest.mark.owasp("3.3.1", "3.3.2", "3.3.3", "3.3.4", "Expire and Max-Age Attributes")
def test_the_cookie_of_a_log_in_has_every_flag(shop: Shop) -> None:
    header = shop.browser().post("/log-in").headers["Set-Cookie"]
    cookie = SimpleCookie(header)[KEY]
    assert (True, True, "Lax") == (cookie["httponly"], cookie["secure"], cookie["samesite"])
    assert ("/", "", "") == (cookie["path"], cookie["domain"], cookie["expires"])


@pytest.mark.owasp("3.3.4")
def test_the_id_is_in_no_other_part_of_the_response(shop: Shop) -> None:
    response = shop.browser().post("/log-in")
    value = SimpleCookie(response.headers["Set-Cookie"])[KEY].value
    others = [text for name, text in response.headers.items() if name != "Set-Cookie"]
    id = value.rpartition(".")[2]
    assert not any(id in text for text in (*others, response.text))


@pytest.mark.owasp("3.3.5", "14.3.3", "Session ID Content (or Value)")
def test_the_cookie_has_an_id_and_none_of_the_data(given: dict[str, Any]) -> None:
    browser = Shop({**given, "consistent_read": "auto"}).browser()
    log_in(browser)
    value = str(browser.cookies[KEY])
    signed = r"sha256\.[0-9a-f]{64}\." if "secret" in given else ""
    assert value.isascii()
    assert COOKIE_VALUE.fullmatch(value.removeprefix("sha256.")[65 if signed else 0 :])
    assert len(KEY) + len(value) <= MAX_COOKIE_BYTES


@pytest.mark.owasp("14.2.1", "Used vs. Accepted Session ID Exchange Mechanisms")
def test_an_id_is_accepted_from_the_cookie_only(shop: Shop) -> None:
    value = log_in(shop.browser())
    other = shop.browser()
    assert "None" == user(other, params={KEY: value, "id": value})
    assert "None" == user(other, headers={"X-Session": value, KEY: value})
    assert "None" == other.post("/account", {KEY: value}).text
    assert "42" == user(other, headers={"Cookie": f"{KEY}={value}"})


@pytest.mark.owasp(
    "7.2.1",
    "Session ID Generation and Verification: Permissive and Strict Session Management",
)
def test_a_made_up_id_opens_nothing_and_is_not_adopted(shop: Shop) -> None:
    log_in(shop.browser())  # creates the table
    made_up = {"Cookie": f"{KEY}={'0' * 64}"}
    browser = shop.browser()
    assert "None" == user(browser, headers=made_up)
    (cookie,) = browser.post("/log-in", headers=made_up).headers.getall("Set-Cookie")
    assert "0" * 64 not in cookie
    assert "None" == user(shop.browser(), headers=made_up)


@pytest.mark.owasp("14.2.4")
def test_with_hashed_ids_the_table_opens_no_session(
    given: dict[str, Any], client: DynamoDBClient, table_name: str
) -> None:
    shop = Shop({**given, "hash_ids": True})
    id = log_in(shop.browser()).rpartition(".")[2]
    items = client.scan(TableName=table_name)["Items"]
    assert id not in str(items)
    digests = {digest for item in items for digest in re.findall("[0-9a-f]{64}", str(item["id"]))}
    assert digests
    for digest in digests:
        assert "None" == user(shop.browser(), headers={"Cookie": f"{KEY}={digest}"})


@pytest.mark.owasp("7.6.2")
def test_a_visit_without_a_log_in_stores_nothing(
    shop: Shop, client: DynamoDBClient, table_name: str
) -> None:
    log_in(shop.browser())  # creates the table
    before = client.scan(TableName=table_name)["Count"]
    browser = shop.browser()
    for path in ("/", "/account"):
        assert "Set-Cookie" not in browser.get(path).headers
    assert before == client.scan(TableName=table_name)["Count"]


@pytest.mark.owasp("14.3.2")
def test_a_response_that_sets_the_cookie_is_not_cached_and_varies_by_it(shop: Shop) -> None:
    """The application sets neither header."""
    headers = shop.browser().post("/log-in").headers
    assert ("no-store", "Cookie") == (headers["Cache-Control"], headers["Vary"])


# -- log-in and log-out -----------------------------------------------------------------------


@pytest.mark.owasp("7.2.4", "7.2.2", "Renewal Timeout")
def test_a_log_in_changes_the_id_and_the_old_one_stops_working(shop: Shop, clock: Clock) -> None:
    browser = shop.browser()
    first, second = log_in(browser), log_in(browser)
    assert first != second
    for _ in range(2):
        assert "None" == user(shop.browser(), headers={"Cookie": f"{KEY}={first}"})
        assert "42" == user(browser)
        clock.advance(60)  # the marker under the old id has expired


@pytest.mark.owasp("7.4.1")
def test_a_log_out_ends_the_session_on_the_server_and_in_the_browser(shop: Shop) -> None:
    browser = shop.browser()
    value = log_in(browser)
    browser.post("/log-out")
    assert KEY not in browser.cookies
    assert "None" == user(browser)
    assert "None" == user(shop.browser(), headers={"Cookie": f"{KEY}={value}"})


@pytest.mark.owasp("7.3.1", "7.4.1")
def test_a_session_that_is_not_used_ends(shop: Shop, clock: Clock) -> None:
    browser = shop.browser()
    log_in(browser)
    for _ in range(3):
        clock.advance(1700)
        assert "42" == user(browser)
    clock.advance(1801)
    assert "None" == user(browser)


@pytest.mark.owasp("7.3.2", "7.4.1")
def test_a_session_in_use_ends_after_the_absolute_timeout(shop: Shop, clock: Clock) -> None:
    browser = shop.browser()
    log_in(browser)
    for _ in range(16):
        clock.advance(1799)
        assert "42" == user(browser)
    clock.advance(16)
    assert "None" == user(browser)


@pytest.mark.owasp("7.5.1", "7.5.3")
def test_a_password_change_needs_a_recent_log_in(shop: Shop, clock: Clock) -> None:
    browser = shop.browser()
    assert "log in again" == browser.post("/password").text
    for _ in range(2):
        log_in(browser)
        clock.advance(300)
        assert "changed" == browser.post("/password").text
        clock.advance(1)
        assert "log in again" == browser.post("/password").text


@pytest.mark.owasp("16.5.3")
def test_an_outage_is_neither_a_new_session_nor_a_log_out(
    given: dict[str, Any], client: DynamoDBClient
) -> None:
    browser = Shop({**given, "client": client}).browser()
    value = log_in(browser)
    with Outage(client).of("GetItem"), pytest.raises(StoreUnavailable):
        user(browser)
    with Outage(client).of("PutItem"), pytest.raises(StoreUnavailable):
        browser.post("/log-out")
    assert value == browser.cookies[KEY]
    assert "42" == user(browser)


@pytest.mark.owasp("16.3.3", "Detecting Session ID Anomalies")
def test_a_changed_cookie_and_an_ended_one_are_reported(given: dict[str, Any]) -> None:
    events: list[tuple[str, str]] = []
    shop = Shop({**given, "on_event": lambda event: events.append((event.kind, event.reason))})
    browser = shop.browser()
    value = log_in(browser)
    browser.post("/log-out")
    assert [("created", ""), ("ended", "log_out")] == events
    events.clear()
    changed = value[:-1] + ("0" if value[-1] != "0" else "1")
    for cookie in (value, changed):
        assert "None" == user(shop.browser(), headers={"Cookie": f"{KEY}={cookie}"})
    wrong = "bad_signature" if "secret" in given else "unknown_id"
    assert [("refused", "has_ended"), ("refused", wrong)] == events


# -- the sessions of a user -------------------------------------------------------------------


@pytest.mark.owasp("7.4.3", "7.5.2")
def test_a_user_sees_and_ends_the_other_sessions(shop: Shop) -> None:
    phone, laptop = shop.browser(), shop.browser()
    log_in(phone)
    log_in(laptop)
    assert "2" == laptop.get("/devices").text
    assert "1" == laptop.post("/log-out-elsewhere").text
    assert ["None", "42"] == [user(phone), user(laptop)]


@pytest.mark.owasp("7.4.2", "7.4.5")
def test_an_administrator_ends_all_sessions_of_a_user(shop: Shop) -> None:
    browsers = [shop.browser() for _ in range(3)]
    for browser in browsers:
        log_in(browser)
    assert 3 == shop.store.revoke(userId=42)
    assert ["None"] * 3 == [user(browser) for browser in browsers]


@pytest.mark.owasp("7.1.2")
def test_the_earliest_log_in_ends_when_there_are_too_many(
    given: dict[str, Any], clock: Clock
) -> None:
    shop = Shop({**given, "max_sessions": 2})
    browsers = [shop.browser() for _ in range(3)]
    for browser in browsers:
        log_in(browser)
        clock.advance(1)
    assert ["None", "42", "42"] == [user(browser) for browser in browsers]
