"""Flask with Beaker's sessions in DynamoDB: counts a visitor's visits.

Flask's own ``session`` is another one, kept in the cookie; Beaker's is in the WSGI environment.
Run it with ``python examples/flask_app.py`` and open http://127.0.0.1:8080/. To try it without
an AWS account, start DynamoDB Local and say so in the environment: see examples/README.md.
"""

from __future__ import annotations

import os
from typing import Any

from beaker.middleware import SessionMiddleware
from flask import Flask, redirect, request

app = Flask(__name__)


@app.get("/")
def index() -> str:
    """Count this visit."""
    session = request.environ["beaker.session"]
    session["visits"] = session.get("visits", 0) + 1
    session.save()
    return f"visits: {session['visits']}\n"


@app.post("/logout")
def log_out() -> Any:
    """Forget the visitor."""
    request.environ["beaker.session"].delete()
    return redirect("/")


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
# Wrapped in here, `app` itself stays a Flask: its commands and test client go on working.
app.wsgi_app = SessionMiddleware(app.wsgi_app, settings)

if __name__ == "__main__":
    app.run(host="127.0.0.1", port=8080)
