"""The demo, started as a process and talked to over HTTP, as its visitors do."""

from __future__ import annotations

import math
import re
import secrets
import signal
import socket
from base64 import b64encode
from collections.abc import Callable, Iterator
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pytest

from beaker_dynamodb.testing.local import EmbeddedDynamoDB
from tests.servers.demo import HOSTILE, Demo, Visitor, announced, demos, start, stop

if TYPE_CHECKING:
    from tests.servers.endpoint import Endpoint


@pytest.fixture
def run() -> Iterator[Callable[..., Demo]]:
    """Starts demos that end with the test, whatever happens."""
    with demos() as start_one:
        yield start_one


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """The URL of a demo with everything embedded, in an environment full of traps."""
    demo = start("--cache-seconds", "3600", patient=True, **HOSTILE)
    _, url = announced(demo)
    yield url
    assert (0, "") == stop(demo)


@pytest.fixture
def visitor(url: str) -> Visitor:
    """A visitor who has seen the page once, so that the slow function is cached."""
    visitor = Visitor(url)
    visitor.get()
    return visitor


def test_visits(visitor: Visitor) -> None:
    """Every visit counts, each visitor's own."""
    counts = [visitor.shown("visits")]
    for _ in range(2):
        visitor.get()
        counts.append(visitor.shown("visits"))
    assert ["1", "2", "3"] == counts


def test_cookie(visitor: Visitor) -> None:
    """The cookie is for this site's own requests only and out of scripts' reach."""
    cookie = visitor.headers["Set-Cookie"].lower()
    assert "samesite=lax" in cookie
    assert "httponly" in cookie


def test_value(visitor: Visitor) -> None:
    """A value that is set is shown, until it is removed."""
    visitor.press("set", name="colour", value="deep blue")
    assert "deep blue" in visitor.get()
    visitor.press("remove", name="colour")
    assert "deep blue" not in visitor.get()


def test_escaped(visitor: Visitor) -> None:
    """Markup in a name or a value comes out as text."""
    page = visitor.press("set", name="<b>'\"", value="</table><script>alert(1)</script>$key")
    assert "<b>'" not in page
    assert "<script>alert" not in page
    assert "<code>&lt;b&gt;&#x27;&quot;</code>" in page
    assert "&lt;/table&gt;&lt;script&gt;alert(1)&lt;/script&gt;$key<" in page


def test_new_id(visitor: Visitor) -> None:
    """A new id keeps the values and changes the cookie."""
    visitor.press("set", name="colour", value="deep blue")
    before = visitor.session_id
    assert "deep blue" in visitor.press("new-id")
    assert "3" == visitor.shown("visits")
    assert before != visitor.session_id
    assert f"sess:{visitor.session_id}" == visitor.shown("key")


def test_log_out(visitor: Visitor) -> None:
    """A log-out leaves nothing of the session, nor its cookie."""
    visitor.press("set", name="colour", value="deep blue")
    before = visitor.session_id
    assert "deep blue" not in visitor.press("log-out")
    assert "1" == visitor.shown("visits")
    assert before != visitor.session_id


def test_clear(visitor: Visitor) -> None:
    """Clear leaves nothing of the session; the next one has an id of its own."""
    visitor.press("set", name="colour", value="deep blue")
    before = visitor.session_id
    assert "deep blue" not in visitor.press("clear")
    assert "1" == visitor.shown("visits")
    assert before != visitor.session_id


def test_race(visitor: Visitor) -> None:
    """Of 20 requests at once that each set a value, every value is kept."""
    values = {f"race-{number}": f"{number} of 20" for number in range(1, 21)}
    assert [303] * 20 == visitor.race(values)
    visitor.get()
    assert values == visitor.values()


def test_script(visitor: Visitor) -> None:
    """The policy lets the page's one script run, and talk to this site only."""
    (script,) = re.findall(r"<script>(.*?)</script>", visitor.page, re.DOTALL)
    allowed = b64encode(sha256(script.encode()).digest()).decode()
    policy = set(visitor.headers["Content-Security-Policy"].split("; "))
    assert {f"script-src 'sha256-{allowed}'", "connect-src 'self'"} <= policy


def test_without_script(visitor: Visitor) -> None:
    """The button that needs the script is hidden until the script shows it."""
    assert 'id="race" hidden>' in visitor.page
    assert "[hidden] { display: none }" in visitor.page


def test_cached(visitor: Visitor) -> None:
    """The slow function's value stays the same, for other visitors too."""
    number = visitor.shown("number")
    visitor.get()
    other = Visitor(visitor.url)
    other.get()
    assert [number] * 2 == [visitor.shown("number"), other.shown("number")]


def test_item(visitor: Visitor) -> None:
    """The item is shown as it is stored: its key and the type and value of its attributes."""
    visitor.get()
    key = f"sess:{visitor.session_id}"
    assert key == visitor.shown("key")
    assert ["S", key] == visitor.row("id")[1:]
    assert ["S", "beaker-session"] == visitor.row("type")[1:]
    expires, deadline = (float(visitor.row(name)[2]) for name in ("expires", "deadline"))
    assert math.ceil(deadline) == expires
    data = re.match(r"(\d+) bytes", visitor.row("data")[2])
    assert data
    assert int(data[1]) < int(visitor.shown("size"))


def test_cost(visitor: Visitor) -> None:
    """A page costs one read and one write of the session, and one read of the cache."""
    visitor.get()
    assert "2 reads, 1 write" == visitor.shown("cost")
    assert ["1 read, 1 write", "1 read", "2 read, 1 write"] == visitor.row("This page")


def test_cost_of_a_button(visitor: Visitor) -> None:
    """The page that follows a button also shows what the button itself cost."""
    visitor.press("set", name="colour", value="deep blue")
    assert ["1 read, 1 write", "none", "1 read, 1 write"] == visitor.row("Button: set")


@pytest.mark.parametrize(
    ("action", "units"),
    [("new-id", "1 read, 4 write"), ("log-out", "1 read, 1 write"), ("clear", "1 read, 1 write")],
)
def test_cost_of_an_end(visitor: Visitor, action: str, units: str) -> None:
    """A new id costs one transaction, double for each of two items; other ends one deletion."""
    visitor.press(action)
    assert ["1 read, 1 write", "none", units] == visitor.row(f"Button: {action}")


def test_cost_of_size(visitor: Visitor) -> None:
    """A larger session costs more capacity units: a write per started KB, a read per 4 KB."""
    visitor.press("set", name="noise", value=secrets.token_hex(10_000))
    before = int(visitor.shown("size").replace(",", ""))
    visitor.get()
    after = int(visitor.shown("size").replace(",", ""))
    reads = math.ceil(before / 4096) + 1
    writes = math.ceil(max(before, after) / 1024)
    assert writes > 5
    assert f"{reads} read, {writes} write" == visitor.shown("units")


@pytest.mark.parametrize(
    "form",
    [
        {"action": "set", "name": "", "value": "1"},
        {"action": "set", "name": "_creation_time", "value": "1"},
        {"action": "remove", "name": "_creation_time"},
        {"action": "set", "name": "visits", "value": "many"},
        {"action": "set", "name": "x" * 41, "value": "1"},
        {"action": "set", "name": "x", "value": "1" * 100_001},
        {"action": "no such button"},
    ],
)
def test_refused(visitor: Visitor, form: dict[str, str]) -> None:
    """A form that the page does not send is refused, and the session goes on."""
    assert 400 == visitor.refused(form)
    visitor.get()
    assert "2" == visitor.shown("visits")


def test_other_path(visitor: Visitor) -> None:
    """Another path, such as a browser's favicon.ico, is not found and is no visit."""
    other = Visitor(f"{visitor.url}favicon.ico")
    assert 404 == other.refused()
    assert [] == list(other.jar)


def test_outage(run: Callable[..., Demo], table_name: str) -> None:
    """While DynamoDB is away the answer is 503; when it is back, the session is too."""
    with EmbeddedDynamoDB() as server:
        place = server.endpoint_url
        visitor = Visitor(announced(run("--endpoint-url", place, "--table-name", table_name))[1])
        visitor.get()
    assert 503 == visitor.refused()
    with EmbeddedDynamoDB(int(place.rpartition(":")[2])):
        visitor.get()
    assert "2" == visitor.shown("visits")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stops(run: Callable[..., Demo], number: int) -> None:
    """SIGTERM and Ctrl-C end it with exit code 0 and without a traceback."""
    demo = run()
    where, url = announced(demo)
    assert "embedded DynamoDB" in where
    Visitor(url).get()
    assert (0, "") == stop(demo, number)


def test_endpoint_url(run: Callable[..., Demo], local_endpoint: Endpoint, table_name: str) -> None:
    """With --endpoint-url the data is in DynamoDB Local, which reports the capacity units."""
    demo = run("--endpoint-url", local_endpoint.url, "--table-name", table_name, **HOSTILE)
    where, url = announced(demo)
    assert local_endpoint.url in where
    visitor = Visitor(url)
    visitor.get()
    visitor.get()
    assert ["1 read, 1 write", "1 read", "2 read, 1 write"] == visitor.row("This page")
    assert "ReturnConsumedCapacity" in visitor.page
    key: Any = {"id": {"S": visitor.shown("key")}}
    assert "Item" in local_endpoint.client.get_item(TableName=table_name, Key=key)
    assert (0, "") == stop(demo)


def test_aws(run: Callable[..., Demo], moto_endpoint: Endpoint, table_name: str) -> None:
    """With --aws it goes wherever AWS's own chain of configuration leads."""
    options = moto_endpoint.options
    demo = run(
        "--aws",
        "--table-name",
        table_name,
        AWS_ENDPOINT_URL_DYNAMODB=options["endpoint_url"],
        AWS_ACCESS_KEY_ID=options["aws_access_key_id"],
        AWS_SECRET_ACCESS_KEY=options["aws_secret_access_key"],
        AWS_DEFAULT_REGION=options["region_name"],
    )
    where, url = announced(demo)
    assert "AWS" in where
    visitor = Visitor(url)
    visitor.get()
    key: Any = {"id": {"S": visitor.shown("key")}}
    assert "Item" in moto_endpoint.client.get_item(TableName=table_name, Key=key)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--aws", "--region", "eu-west-1"], "NoCredentialsError"),
        (["--endpoint-url", "http://127.0.0.1:9"], "no answer"),
        (["--table-name", "%"], "table_name"),
        (["--port", "70000"], "70000"),
    ],
)
def test_cannot_start(run: Callable[..., Demo], arguments: list[str], reason: str) -> None:
    """What keeps it from starting is told in one line."""
    demo = run(*arguments)
    output, errors = demo.communicate()
    assert (1, "", 1) == (demo.returncode, output, errors.count("\n"))
    assert reason in errors


def test_port_is_taken(run: Callable[..., Demo]) -> None:
    """A port that is taken is told in one line that names it."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        demo = run("--port", port)
        output, errors = demo.communicate()
    assert (1, "", 1) == (demo.returncode, output, errors.count("\n"))
    assert port in errors
