"""The application that real servers run; its options come through the environment as JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from beaker_dynamodb.middleware import SessionMiddleware
from tests.wsgi.outage import WRITES, Outage

#: What every page sends, the same list each time.
HEADERS = [("X-Page", "served")]
THIS_FILE = Path(__file__)


def make(table_name: str, endpoint: dict[str, Any]) -> Any:
    """Make the application.

    :param endpoint: options that lead to a server, as boto3 has them.
    """
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
        if path == "/len":
            start_response("200 OK", HEADERS)
            return [str((len(session), bool(session))).encode()]
        said = repr((session.get("visits"), session.get("flash"))) if path != "/plain" else "plain"
        if path == "/failing":
            session["lost"] = True
            session.save()
            with outage.of(*WRITES):
                start_response("200 OK", [*HEADERS, ("ETag", '"1"')])
        else:
            start_response("200 OK", HEADERS)
        return [said.encode()]

    options: dict[str, Any] = {"table_name": table_name, "client": client}
    whole = SessionMiddleware(app, {"session.on_save_error": "503"}, **options)
    parts = {
        "shop": SessionMiddleware(app, {"session.cookie_path": "/shop"}, **options),
        "admin": SessionMiddleware(app, {"session.key": "admin.id"}, **options),
    }

    def dispatch(environ: dict[str, Any], start_response: Any) -> Any:
        _, part, *_ = environ["PATH_INFO"].split("/")
        if part == "error":
            # As TurboGears makes an error document: the page, and then another in its place.
            environ["PATH_INFO"] = "/visit"
            list(whole(environ, _ignored))
            environ["PATH_INFO"] = "/read"
        if part not in parts:
            return whole(environ, start_response)
        environ["PATH_INFO"] = environ["PATH_INFO"].removeprefix(f"/{part}")
        return parts[part](environ, start_response)

    return dispatch


def _ignored(*_: Any) -> Any:
    """Start a response that nobody sees."""


def stream(session: Any, start_response: Any) -> Iterator[bytes]:
    """Show a flash message while the body is sent."""
    start_response("200 OK", HEADERS)
    yield b"flash: "
    yield repr(session.pop("flash", None)).encode()
    session.save()


if "SITE_OPTIONS" in os.environ:
    application = make(**json.loads(os.environ["SITE_OPTIONS"]))
