"""The same through real servers, over a connection: waitress, and gunicorn's workers."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from tests.processes.test_wsgi_servers import running
from tests.servers.web import serving
from tests.sessions.site import UNKNOWN
from tests.wsgi.raw import Response
from tests.wsgi.served import THIS_FILE, make

if TYPE_CHECKING:
    from tests.servers.endpoint import Endpoint


@contextmanager
def in_waitress(options: dict[str, Any]) -> Iterator[int]:
    """Serve from a thread of this process, and give the port."""
    with serving(make(**options)) as port:
        yield port


@contextmanager
def in_gunicorn(options: dict[str, Any]) -> Iterator[int]:
    """Serve from a process of its own, and give the port."""
    pytest.importorskip("gunicorn", reason="pip install 'beaker-dynamodb[servers]'")
    command = [sys.executable, "-m", "gunicorn", "tests.wsgi.served:application"]
    with running([*command, "-b", "127.0.0.1:0", "-w", "1", "--threads", "2"], options) as url:
        port = urlsplit(url).port
        assert port is not None
        yield port


SERVERS = {"waitress": in_waitress, "gunicorn": in_gunicorn}
Visit = Callable[..., Response]


@pytest.fixture(params=SERVERS)
def visit(
    request: pytest.FixtureRequest, moto_endpoint: Endpoint, table_name: str
) -> Iterator[Visit]:
    """Makes a request to a running server."""
    options = {"table_name": table_name, "endpoint": moto_endpoint.options}
    with SERVERS[request.param](options) as port:

        def visit(path: str, cookie: str = "", method: str = "GET") -> Response:
            connection = HTTPConnection("127.0.0.1", port)
            try:
                connection.request(method, path, headers={"Cookie": cookie} if cookie else {})
                answer = connection.getresponse()
                status = f"{answer.status} {answer.reason}"
                return Response(status, answer.getheaders(), answer.read())
            finally:
                connection.close()

        yield visit


def test_the_life_of_a_request(visit: Visit) -> None:
    first = visit("/visit")
    assert b"(1, 'saved')" == first.body
    assert (["served"], ["Cookie"], ["no-store"]) == (
        first.all("X-Page"),
        first.all("Vary"),
        first.all("Cache-Control"),
    )
    cookie = first.cookie

    # The application passes one and the same list for every page.
    stranger = visit("/plain")
    assert ([], [], ["served"]) == (
        stranger.all("Set-Cookie"),
        stranger.all("Vary"),
        stranger.all("X-Page"),
    )

    # What was changed while the body was sent.
    assert b"flash: 'saved'" == visit("/stream", cookie).body
    assert b"flash: None" == visit("/stream", cookie).body
    assert b"(1, None)" == visit("/read", cookie).body

    # What could not be saved.
    for method in ("GET", "HEAD"):
        failed = visit("/failing", cookie, method)
        assert "503 Service Unavailable" == failed.status
        assert (["5"], [], []) == (
            failed.all("Retry-After"),
            failed.all("ETag"),
            failed.all("Set-Cookie"),
        )
        assert (b"" if method == "HEAD" else b"The session could not be saved.") in failed.body
        assert b"None" not in failed.body

    # A file goes the server's own way.
    assert THIS_FILE.read_bytes() == visit("/file").body


@pytest.mark.parametrize("visit", ["waitress"], indirect=True)
def test_waitress_recognizes_a_file_and_a_list(visit: Visit) -> None:
    """It tells the length of these only."""
    for path, known in (("/file", True), ("/read", True), ("/stream", False)):
        response = visit(path)
        assert ([str(len(response.body))] if known else []) == response.all("Content-Length")


def test_a_cookie_among_others(visit: Visit) -> None:
    """Another program's cookie hides ours no more than a stale one of ours does."""
    cookie = visit("/visit").cookie
    for header in (f'p={{"a": 1}}; {cookie}', f"{cookie}; p=a b", f"{UNKNOWN}; {cookie}"):
        assert b"(1, 'saved')" == visit("/read", header).body


def test_a_changed_path_moves_the_cookie(visit: Visit) -> None:
    cookie = visit("/visit").cookie
    assert [] == visit("/shop/read", cookie).all("Set-Cookie")
    new, old = visit("/shop/visit", cookie).all("Set-Cookie")
    assert new.startswith(cookie)
    assert "Path=/shop" in new
    assert "expires=" in old
    assert old.endswith("Path=/")


def test_two_middlewares_keep_apart(visit: Visit) -> None:
    cookie = visit("/visit").cookie
    assert b"(None, None)" == visit("/admin/read", f"admin.id={cookie.partition('=')[2]}").body


def test_an_error_document_uses_the_session_of_the_page(visit: Visit) -> None:
    response = visit("/error")
    assert b"(1, 'saved')" == response.body
    assert b"(1, 'saved')" == visit("/read", response.cookie).body


def test_the_length_of_a_session(visit: Visit) -> None:
    length, truth = visit("/len").body.strip(b"()").split(b", ")
    assert (True, b"True") == (int(length) > 0, truth)
