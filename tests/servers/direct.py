"""Requests to the embedded DynamoDB without a network, which takes most of their time."""

from __future__ import annotations

from base64 import b64encode
from email.utils import formatdate
from functools import cache
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.httpsession import URLLib3Session
from moto.core import responses, utils
from moto.core.serialize import ResponseSerializer
from moto.dynamodb.responses import DynamoHandler
from moto.moto_server.werkzeug_app import create_backend_app

from beaker_dynamodb.dynamodb import observers
from beaker_dynamodb.dynamodb.kept_connections import KeptConnections
from beaker_dynamodb.testing._moto import MOTO_LOCK
from tests.untraced import untraced


class _Body(BytesIO):
    """A response's body, as botocore reads it."""

    def stream(self, **_: Any) -> Any:
        yield self.read()


class _Connection:
    """A connection of fast calls, and its socket."""

    def __init__(self, url: str, moto: _Moto) -> None:
        self.sock = self
        self._url = url
        self._moto = moto
        self._response = b""

    def sendall(self, request: bytes) -> None:
        head, _, body = request.partition(b"\r\n\r\n")
        headers = dict(line.split(":", 1) for line in head.decode().split("\r\n")[1:])
        sent = AWSPreparedRequest("POST", self._url, HTTPHeaders.from_dict(headers), body, False)
        status, answer_headers, answer = self._moto.answer(sent)
        lines = [f"HTTP/1.1 {status} -"]
        lines += [f"{name}: {value}" for name, value in answer_headers.items()]
        self._response = "\r\n".join([*lines, "\r\n"]).encode() + answer

    def recv(self, count: int) -> bytes:
        received, self._response = self._response[:count], self._response[count:]
        return received

    def close(self) -> None:
        """Do nothing."""


def answer_directly(url: str) -> None:
    """Make moto answer the requests to this address in the calling thread.

    Other clients, such as other processes, use the server at the address, and the same tables.
    """
    real_send: Any = URLLib3Session.send
    real_take: Any = KeptConnections.take
    moto = _Moto()

    def send(session: URLLib3Session, request: Any) -> AWSResponse:
        if not request.url.startswith(url):
            response: AWSResponse = real_send(session, request)
            return response
        status, headers, body = moto.answer(request)
        return AWSResponse(request.url, status, HTTPHeaders.from_dict(headers), _Body(body))

    def take(connections: KeptConnections) -> Any:
        pool: Any = connections._pool
        host, port = getattr(pool, "host", None), getattr(pool, "port", None)
        if url != f"http://{host}:{port}":
            return real_take(connections)
        return _Connection(url, moto)

    setattr(URLLib3Session, "send", untraced(send))  # noqa: B010
    setattr(KeptConnections, "take", take)  # noqa: B010
    # Otherwise calls are not fast, because this replaces a function of botocore.
    observers.ORIGINAL.append(untraced.__module__)


class _Moto:
    """moto's DynamoDB without its web framework."""

    def __init__(self) -> None:
        # The class of requests depends on moto's version.
        self._request_class: Any = create_backend_app("dynamodb").request_class
        # moto looks for its operations in each request.
        found = cache(utils.method_names_from_class)
        setattr(responses, "method_names_from_class", found)  # noqa: B010
        _encode_values_quickly()

    def answer(self, sent: AWSPreparedRequest) -> tuple[int, dict[str, str], bytes]:
        """Return the status, headers and body of the response to a request."""
        request = self._request_class(_environ(sent))
        with MOTO_LOCK:
            status, headers, body = DynamoHandler.dispatch(
                request, request.url, dict(request.headers)
            )
        data = body if isinstance(body, bytes) else body.encode()
        headers |= {"Content-Length": str(len(data)), "Date": formatdate(usegmt=True)}
        return status, headers, data


def _environ(request: Any) -> dict[str, Any]:
    body = request.body or b""
    data = body.encode() if isinstance(body, str) else bytes(body)
    url = urlsplit(request.url)
    environ = {
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "",
        "PATH_INFO": url.path,
        "QUERY_STRING": url.query,
        "SERVER_NAME": url.hostname,
        "SERVER_PORT": str(url.port),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": url.netloc,
        "wsgi.url_scheme": url.scheme,
        "wsgi.input": BytesIO(data),
    }
    for name, value in request.headers.items():
        text = value.decode() if isinstance(value, bytes) else value
        environ["HTTP_" + name.upper().replace("-", "_")] = text
    environ["CONTENT_TYPE"] = environ["HTTP_CONTENT_TYPE"]
    return {**environ, "CONTENT_LENGTH": str(len(data))}


def _encode_values_quickly() -> None:
    """Keep moto from looking for each of an attribute value's ten possible types in many ways."""
    real: Any = ResponseSerializer._serialize_type_structure

    def serialize(serializer: Any, serialized: Any, value: Any, shape: Any, key: str) -> None:
        if shape.name == "AttributeValue" and isinstance(value, dict):
            serialized[serializer.get_serialized_name(shape, key)] = _encoded(value)
        else:
            real(serializer, serialized, value, shape, key)

    setattr(ResponseSerializer, "_serialize_type_structure", serialize)  # noqa: B010


def _encoded(value: dict[str, Any]) -> dict[str, Any]:
    """Return an attribute value in DynamoDB's JSON."""
    encoded = {}
    for type_, content in value.items():
        if type_ == "B":
            content = _base64(content)
        elif type_ == "BS":
            content = [_base64(member) for member in content]
        elif type_ == "L":
            content = [_encoded(member) for member in content]
        elif type_ == "M":
            content = {name: _encoded(member) for name, member in content.items()}
        encoded[type_] = content
    return encoded


def _base64(content: bytes | str) -> str:
    return b64encode(content.encode() if isinstance(content, str) else content).decode()
