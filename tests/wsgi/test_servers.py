"""The middleware in real servers, over a connection."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.processes.test_wsgi_servers import running
from tests.servers.endpoint import Endpoint
from tests.servers.web import serving
from tests.wsgi.raw import Response
from tests.wsgi.served import THIS_FILE, make


def in_waitress(options: dict[str, Any]) -> AbstractContextManager[int | None]:
    return serving(make(**options))


@contextmanager
def in_gunicorn(options: dict[str, Any]) -> Iterator[int | None]:
    pytest.importorskip("gunicorn", reason="pip install 'beaker-dynamodb[servers]'")
    command = [sys.executable, "-m", "gunicorn", "tests.wsgi.served:application"]
    with running([*command, "-b", "127.0.0.1:0", "-w", "1", "--threads", "2"], options) as url:
        yield urlsplit(url).port


SERVERS = [
    pytest.param(in_waitress, id="waitress"),
    pytest.param(in_gunicorn, id="gunicorn", marks=pytest.mark.full),
]
Visit = Callable[..., Response]


@pytest.fixture(params=SERVERS)
def visit(
    request: pytest.FixtureRequest, moto_endpoint: Endpoint, table_name: str
) -> Iterator[Visit]:
    options = {"table_name": table_name, "endpoint": moto_endpoint.options}
    with request.param(options) as port:

        def visit(path: str, cookie: str = "", method: str = "GET") -> Response:
            with closing(HTTPConnection("127.0.0.1", port)) as connection:
                connection.request(method, path, headers={"Cookie": cookie} if cookie else {})
                response = connection.getresponse()
                status = f"{response.status} {response.reason}"
                return Response(status, response.getheaders(), response.read())

        yield visit


def test_a_server(visit: Visit) -> None:
    cookie = visit("/visit").cookie

    # A change while the body is sent.
    assert b"flash: 'saved'" == visit("/stream", cookie).body
    assert b"flash: None" == visit("/stream", cookie).body

    # A failed save.
    for method in ("GET", "HEAD"):
        failed = visit("/failing", cookie, method)
        assert "503 Service Unavailable" == failed.status
        assert ["5"] == failed.all("Retry-After")
        assert ([], []) == (failed.all("ETag"), failed.all("Set-Cookie"))
        assert (method == "GET") is (b"The session could not be saved." in failed.body)

    assert THIS_FILE.read_bytes() == visit("/file").body
