"""The application that real servers run. Its options are in the environment, as JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from tests.wsgi.outage import WRITES, Outage
from tests.wsgi.raw import wrap

#: The headers of every page, the same list each time.
HEADERS = [("X-Page", "served")]
THIS_FILE = Path(__file__)


def make(table_name: str, endpoint: dict[str, Any]) -> Any:
    once = Config(retries={"total_max_attempts": 1, "mode": "standard"})
    client = boto3.session.Session().client("dynamodb", **endpoint, config=once)
    outage = Outage(client)

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        session, path = environ["beaker.session"], environ["PATH_INFO"]
        if path == "/stream":
            return stream(session, start_response)
        if path == "/file":
            start_response("200 OK", HEADERS)
            return environ["wsgi.file_wrapper"](THIS_FILE.open("rb"))
        if path == "/visit":
            session["visits"] = session.get("visits", 0) + 1
            session["flash"] = "saved"
            session.save()
        body = b"plain" if path == "/plain" else repr(session.get("visits")).encode()
        if path == "/failing":
            session["lost"] = True
            session.save()
            with outage.of(*WRITES):
                start_response("200 OK", [*HEADERS, ("ETag", '"1"')])
        else:
            start_response("200 OK", HEADERS)
        return [body]

    options: dict[str, Any] = {"table_name": table_name, "client": client}
    root, shop = wrap(app, options, on_save_error="503"), wrap(app, options, cookie_path="/shop")

    def dispatch(environ: dict[str, Any], start_response: Any) -> Any:
        path = environ["PATH_INFO"]
        environ["PATH_INFO"] = path.removeprefix("/shop")
        return (shop if path.startswith("/shop") else root)(environ, start_response)

    return dispatch


def stream(session: Any, start_response: Any) -> Iterator[bytes]:
    """Show a flash message while the body is sent."""
    start_response("200 OK", HEADERS)
    yield b"flash: "
    yield repr(session.pop("flash", None)).encode()
    session.save()


if "SITE_OPTIONS" in os.environ:
    application = make(**json.loads(os.environ["SITE_OPTIONS"]))
