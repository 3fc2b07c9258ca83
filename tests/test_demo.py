"""The demo: its pages in this process, and its start and stop as a process."""

from __future__ import annotations

import html
import math
import os
import re
import runpy
import signal
import socket
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from random import Random
from string import ascii_letters
from threading import Barrier, Event
from types import SimpleNamespace
from typing import Any

import pytest
from webtest import TestApp

from beaker_dynamodb.cli import capacity
from beaker_dynamodb.testing.local import EmbeddedDynamoDB
from tests.beaker import items
from tests.examples import command
from tests.servers.endpoint import Endpoint


@pytest.fixture(scope="module")
def demo() -> SimpleNamespace:
    path = command.ROOT / "example_wsgi.py"
    return SimpleNamespace(**runpy.run_path(str(path), run_name="example"))


class Visitor:
    """A browser with its own cookies that has seen the page once."""

    def __init__(self, app: Any) -> None:
        self.web = TestApp(app)
        self.page = ""
        self.get()

    def get(self) -> str:
        self.page = self.web.get("/").text
        return self.page

    def press(self, action: str, **fields: str) -> str:
        """Press a button and follow the redirect."""
        self.web.post("/", dict(fields, action=action), status=303)
        return self.get()

    def shown(self, element: str) -> str:
        found = re.search(rf'id="{element}"[^>]*>([^<]*)<', self.page)
        assert found, self.page
        return html.unescape(found[1])

    def values(self) -> dict[str, str]:
        rows = re.findall(
            r'<tr><td class="any"><code>(.*?)</code><td class="any">(.*?)<td>', self.page, re.DOTALL
        )
        return {html.unescape(name): html.unescape(value) for name, value in rows}

    def row(self, label: str) -> list[str]:
        """Return the last two cells of the row with this label."""
        found = re.search(
            rf"<tr[^>]*><t[hd][^>]*>(?:<code>)?{label}\b.*?(?=<tr|</table)", self.page, re.DOTALL
        )
        assert found, self.page
        cells = re.sub(r"<div.*?</div>", "", found[0], flags=re.DOTALL).split("<td")[-2:]
        return [re.sub(r"<[^>]*>", "", f"<td{cell}").strip() for cell in cells]

    @property
    def session_id(self) -> str:
        return str(self.web.cookies["beaker.session.id"]).strip('"')


Start = Callable[..., Visitor]


@pytest.fixture
def start(demo: SimpleNamespace, options: dict[str, Any]) -> Start:
    """Starts the demo, and returns its first visitor."""

    def start(server: EmbeddedDynamoDB | None = None, **extra: Any) -> Visitor:
        if server:
            options.update(server.credentials, endpoint_url=server.endpoint_url, max_attempts=1)
        draws = iter(range(1000))
        extra["draw"] = lambda: {"number": next(draws), "at": 0.0}
        return Visitor(demo.create_app(options, server=server, **extra))

    return start


@pytest.fixture
def visitor(start: Start) -> Visitor:
    return start(cache_seconds=3600)


def test_visits_are_counted_in_the_session(visitor: Visitor) -> None:
    counts = [visitor.shown("visits")]
    visitor.get()
    counts.append(visitor.shown("visits"))
    cookie = TestApp(visitor.web.app).get("/").headers["Set-Cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    other = Visitor(visitor.web.app)
    other.get()
    assert ["1", "2", "2"] == [*counts, other.shown("visits")]
    assert visitor.shown("number") == other.shown("number")  # cached for all


def test_a_value_is_shown_escaped_until_it_is_removed(visitor: Visitor) -> None:
    name, value = "<b>'\"", "</table><script>alert(1)</script>$key"
    page = visitor.press("set", name=name, value=value)
    assert {name: value} == visitor.values()
    assert "<b>'" not in page
    assert "<script>alert" not in page
    visitor.press("remove", name=name)
    assert {} == visitor.values()


@pytest.mark.parametrize(
    ("action", "kept"), [("new-id", True), ("log-out", False), ("clear", False)]
)
def test_buttons_that_end_a_session(visitor: Visitor, action: str, kept: bool) -> None:
    visitor.press("set", name="color", value="deep blue")
    before = visitor.session_id
    visitor.press(action)
    assert ({"color": "deep blue"} if kept else {}) == visitor.values()
    assert ("3" if kept else "1") == visitor.shown("visits")
    assert before != visitor.session_id
    assert f"sess:{visitor.session_id}" == visitor.shown("key")


def test_20_requests_at_once_keep_all_values(visitor: Visitor) -> None:
    values = {f"race-{number}": f"{number} of 20" for number in range(1, 21)}
    together = Barrier(len(values))

    def post(name: str) -> int:
        browser = TestApp(visitor.web.app)
        browser.set_cookie("beaker.session.id", visitor.session_id)
        together.wait()
        return browser.post("/", {"action": "set", "name": name, "value": values[name]}).status_int

    with ThreadPoolExecutor(len(values)) as threads:
        assert [303] * 20 == list(threads.map(post, values))
    visitor.get()
    assert values == visitor.values()


def test_the_page_shows_its_calls_and_those_of_the_last_button(visitor: Visitor) -> None:
    visitor.press("set", name="color", value="deep blue")
    assert ("2 reads, 1 write", "$0.88") == (visitor.shown("cost"), visitor.shown("dollars"))
    assert ["1 read, 1 write", "1 read"] == visitor.row("This page")
    assert ["1 read, 1 write", "none"] == visitor.row("Button: set")


def test_the_item_is_shown_as_it_is_stored(visitor: Visitor) -> None:
    visitor.get()
    assert ["S", f"sess:{visitor.session_id}"] == visitor.row("id")
    assert ["S", "beaker-session"] == visitor.row("type")
    expires, deadline = (float(visitor.row(name)[1]) for name in ("expires", "deadline"))
    assert math.ceil(deadline) == expires
    data = re.match(r"(\d+) bytes", visitor.row("data")[1])
    assert data
    assert int(data[1]) < int(visitor.shown("size"))


@pytest.mark.parametrize(
    "form",
    [
        {"action": "set", "name": "", "value": "1"},
        {"action": "set", "name": "_creation_time", "value": "1"},
        {"action": "remove", "name": "visits"},
        {"action": "set", "name": "x" * 41, "value": "1"},
        {"action": "set", "name": "x", "value": "1" * 5_001},
        {"action": "no such button"},
    ],
)
def test_other_forms_are_refused(visitor: Visitor, form: dict[str, str]) -> None:
    visitor.web.post("/", form, status=400)
    visitor.get()
    assert "2" == visitor.shown("visits")


def test_other_paths_start_no_session(visitor: Visitor) -> None:
    other = TestApp(visitor.web.app)
    other.get("/favicon.ico", status=404)
    assert {} == other.cookies


def test_the_switch_takes_dynamodb_away_and_brings_it_back(start: Start) -> None:
    with EmbeddedDynamoDB() as server:
        visitor = start(server)
        visitor.web.post("/outage", {"down": "1"}, status=303)
        visitor.web.post("/outage", {"down": "1"}, status=303)  # a double click
        pages = [visitor.web.get("/", status=503) for _ in range(2)]
        assert all("connection refused" in page.text for page in pages)
        assert ["1", "2"] == [re.findall(r'id="number">(\d+)', page.text)[0] for page in pages]
        visitor.web.post("/outage", {"down": "0"}, status=303)
        visitor.get()
    assert "2" == visitor.shown("visits")


def test_only_an_embedded_dynamodb_can_be_taken_away(visitor: Visitor) -> None:
    assert "/outage" not in visitor.page
    visitor.web.post("/outage", status=404)


def test_a_log_out_wins_against_a_slow_save(start: Start) -> None:
    loaded, logged_out = Event(), Event()

    def wait(seconds: float) -> None:
        loaded.set()
        logged_out.wait()

    visitor = start(wait=wait)
    other_tab = TestApp(visitor.web.app, cookiejar=visitor.web.cookiejar)
    with ThreadPoolExecutor(1) as threads:
        slow = threads.submit(other_tab.post, "/", {"action": "slow", "name": "late", "value": "x"})
        slow.add_done_callback(lambda _: loaded.set())
        loaded.wait()
        visitor.press("log-out")
        logged_out.set()
        assert "Set-Cookie" not in slow.result().headers
    visitor.get()
    assert {} == visitor.values()
    assert "2" == visitor.shown("visits")  # of the session after the log-out


def test_the_price_grows_with_the_session_for_its_calls_only(visitor: Visitor) -> None:
    letters = Random(1).choices(ascii_letters, k=9_000)  # compression does not halve them
    for name, value in {"a": letters[:4_500], "b": letters[4_500:]}.items():
        visitor.press("set", name=name, value="".join(value))
    visitor.get()
    size = int(visitor.shown("size").replace(",", ""))
    reads = math.ceil(size / capacity.READ_UNIT_BYTES) + 1  # the session, and the cached value
    writes = math.ceil(size / capacity.WRITE_UNIT_BYTES)
    dollars = reads * capacity.PRICE_READ_MILLION + writes * capacity.PRICE_WRITE_MILLION
    assert (True, f"${dollars:.2f}") == (size > capacity.READ_UNIT_BYTES, visitor.shown("dollars"))


# -- as a process ---------------------------------------------------------------------------------

#: The environment of a developer who has an AWS account and a proxy.
OTHER_ACCOUNT = {
    "AWS_PROFILE": "no-such-profile",
    "AWS_CONFIG_FILE": "no-such-folder/config",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
    "AWS_DEFAULT_REGION": "no such region",
    "HTTP_PROXY": "http://127.0.0.1:9",
}


@pytest.mark.full
@pytest.mark.parametrize("embedded", [True, False])
def test_a_run_from_its_start_to_its_stop(
    moto_endpoint: Endpoint, table_name: str, embedded: bool
) -> None:
    words = [] if embedded else ["--endpoint-url", moto_endpoint.url, "--table-name", table_name]
    with command.started("example_wsgi.py", "--port", "0", *words, **OTHER_ACCOUNT) as process:
        assert process.stdout is not None
        where, how_to_open = process.stdout.readline(), process.stdout.readline()
        assert ("an embedded DynamoDB" if embedded else moto_endpoint.url) in where
        (url,) = re.findall(r"http://127\.0\.0\.1:\d+", how_to_open)
        (key,) = re.findall(r'id="key"[^>]*>(sess:[^<]*)<', command.Visitor(url).get())
        if not embedded:
            assert key in items(moto_endpoint.client, table_name)
        process.send_signal(signal.SIGTERM if embedded else signal.SIGINT)
        assert "" == process.stdout.read()
        assert 0 == process.wait()


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--aws", "--region", "eu-west-1"], "no AWS credentials were found"),
        (["--endpoint-url", "http://127.0.0.1:9"], "127.0.0.1:9: connection refused"),
        (["--table-name", "%"], "table_name"),
        (["--port", "70000"], "70000"),
        (["--port", "taken"], "taken"),
    ],
)
def test_a_failed_start_is_explained_in_one_line(
    demo: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, arguments: list[str], reason: str
) -> None:
    monkeypatch.setattr(os, "environ", dict(os.environ))
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        words = [word.replace("taken", port) for word in arguments]
        monkeypatch.setattr(sys, "argv", ["example_wsgi.py", "--port", "0", *words])
        with pytest.raises(SystemExit) as ended:
            demo.main()
    said = str(ended.value.code)
    assert said.startswith("example_wsgi.py: ")
    assert 0 == said.count("\n")
    assert reason.replace("taken", port) in said
