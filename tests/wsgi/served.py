"""The application that real servers run. Its options are in the environment, as JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from tests.wsgi.outage import WRITES, Outage
from tests.wsgi.raw import wrap

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
            start_response("200 OK", [])
            return environ["wsgi.file_wrapper"](THIS_FILE.open("rb"))
        session["flash"] = "saved"
        session.save()
        with outage.of(*WRITES) if path == "/failing" else nullcontext():
            start_response("200 OK", [("ETag", '"1"')])
        return [b"page"]

    return wrap(app, {"table_name": table_name, "client": client}, on_save_error="503")


def stream(session: Any, start_response: Any) -> Iterator[bytes]:
    """Show a flash message while the body is sent."""
    start_response("200 OK", [])
    yield b"flash: "
    yield repr(session.pop("flash", None)).encode()
    session.save()


if "SITE_OPTIONS" in os.environ:
    application = make(**json.loads(os.environ["SITE_OPTIONS"]))
