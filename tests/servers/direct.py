"""Requests to the embedded DynamoDB without HTTP, which takes most of their time."""

from __future__ import annotations

import sys
from email.utils import formatdate
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.httpsession import URLLib3Session

from beaker_dynamodb.testing._moto import Application
from tests.untraced import untraced


class _Body(BytesIO):
    """A response's body, as botocore reads it."""

    def stream(self, **_: Any) -> Any:
        yield self.read()


def answer_directly(url: str) -> None:
    """Make moto answer botocore's requests to this address in the calling thread.

    Other clients, such as other processes, use the server at the address, and the same tables.
    """
    real: Any = URLLib3Session.send
    application = Application()

    def send(session: URLLib3Session, request: Any) -> AWSResponse:
        if not request.url.startswith(url):
            response: AWSResponse = real(session, request)
            return response
        started: list[Any] = []
        body = b"".join(application(_environ(request), lambda *args: started.extend(args)))  # type: ignore[arg-type]
        status, headers = started[:2]
        headers.append(("Date", formatdate(usegmt=True)))
        head = int(status[:3]), HTTPHeaders.from_pairs(headers)
        return AWSResponse(request.url, *head, _Body(body))

    setattr(URLLib3Session, "send", untraced(send))  # noqa: B010


def _environ(request: Any) -> dict[str, Any]:
    address = urlsplit(request.url)
    body = request.body or b""
    data = body.encode() if isinstance(body, str) else bytes(body)
    headers = {
        f"HTTP_{name.upper().replace('-', '_')}": value.decode()
        if isinstance(value, bytes)
        else value
        for name, value in request.headers.items()
    }
    return {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": "/",
        "QUERY_STRING": "",
        "SERVER_NAME": address.hostname,
        "SERVER_PORT": str(address.port),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": address.netloc,
        **headers,
        "CONTENT_TYPE": headers.get("HTTP_CONTENT_TYPE", ""),
        "CONTENT_LENGTH": str(len(data)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(data),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
