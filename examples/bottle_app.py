"""Bottle with its sessions in DynamoDB: counts a visitor's visits.

Run it with ``python examples/bottle_app.py`` and open http://127.0.0.1:8080/. To try it without
an AWS account, start DynamoDB Local and say so in the environment: see examples/README.md.
"""

from __future__ import annotations

import os
from typing import Any

from beaker.middleware import SessionMiddleware
from bottle import Bottle, redirect, request, run

bottle_app = Bottle()


@bottle_app.get("/")
def index() -> str:
    """Count this visit."""
    session = request.environ["beaker.session"]
    session["visits"] = session.get("visits", 0) + 1
    session.save()
    return f"visits: {session['visits']}\n"


@bottle_app.post("/logout")
def log_out() -> None:
    """Forget the visitor."""
    request.environ["beaker.session"].delete()
    redirect("/")


settings: dict[str, Any] = {
    "session.type": "ext:dynamodb",
    "session.table_name": "myapp-sessions",
    "session.region_name": "eu-west-1",
    "session.timeout": 1800,
    # Signs the cookie. One secret for all processes, from wherever you keep secrets.
    "session.secret": os.environ.get("SESSION_SECRET", "only for development"),
    "session.httponly": True,
    # A fault of the store is an error page, not a log-out.
    "session.invalidate_corrupt": False,
}
application = SessionMiddleware(bottle_app, settings)

if __name__ == "__main__":
    run(app=application, host="127.0.0.1", port=8080, server="waitress")
