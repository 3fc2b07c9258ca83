"""Bottle with Beaker sessions in DynamoDB: counts a visitor's visits.

Run ``python examples/bottle_app.py`` and open http://127.0.0.1:8080/. Ctrl-C stops it.
"""

from __future__ import annotations

import logging
import os

import waitress
from bottle import Bottle, redirect, request, template

from beaker_dynamodb.middleware import SessionMiddleware
from beaker_dynamodb.testing.local import EmbeddedDynamoDB

PAGE = """<!DOCTYPE html>
<html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>Visits</title>
<h1>Visits</h1>
<p>Your session has seen <strong id="visits">{{visits}}</strong> visits.</p>
<form method="post" action="/log-out"><button>Log out</button></form>
</html>"""

app = Bottle()


@app.get("/")
def index() -> str:
    """Count this visit."""
    session = request.environ["beaker.session"]
    session["visits"] = session.get("visits", 0) + 1
    session.save()
    return template(PAGE, visits=session["visits"])


@app.post("/log-out")
def log_out() -> None:
    """Delete the session and its cookie."""
    request.environ["beaker.session"].delete()
    redirect("/", 303)


settings = {
    "session.type": "ext:dynamodb",
    "session.table_name": "myapp-sessions",
    "session.region_name": "eu-west-1",
    "session.timeout": 1800,
    # Signs the cookie. Every process needs the same secret.
    "session.secret": os.environ.get("SESSION_SECRET", "only for development"),
}
application = SessionMiddleware(app, settings)

if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    with EmbeddedDynamoDB() as dynamodb:  # not needed on AWS
        os.environ |= dynamodb.environment
        waitress.serve(application, host="127.0.0.1", port=os.environ.get("PORT", "8080"))
