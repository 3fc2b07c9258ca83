"""Flask with Beaker sessions in DynamoDB: a shopping list.

Run ``python examples/flask_app.py`` and open http://127.0.0.1:8080/. Ctrl-C stops it.
"""

from __future__ import annotations

import logging
import os
from typing import Any

import waitress
from flask import Flask, redirect, render_template_string, request

from beaker_dynamodb.middleware import SessionMiddleware
from beaker_dynamodb.testing.local import EmbeddedDynamoDB

PAGE = """<!DOCTYPE html>
<html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>Shopping list</title>
<style>body { font: 1.1rem/1.6 system-ui; max-width: 40rem; margin: 2rem auto; padding: 0 1rem }
input, button { font: inherit; padding: .2rem .6rem }</style>
<h1>Shopping list</h1>
<p>Your session has seen <strong id="visits">{{ visits }}</strong> visits.</p>
<ul>{% for item in items %}<li>{{ item }}</li>{% else %}<li>Nothing yet</li>{% endfor %}</ul>
<form method="post" action="/add"><label>Item <input name="item" required maxlength="100"></label>
<button>Add</button></form>
<form method="post" action="/log-out"><p><button>Log out</button></p></form>
</html>"""

app = Flask(__name__)


@app.get("/")
def index() -> str:
    """Show the list, and count this visit."""
    session = request.environ["beaker.session"]
    session["visits"] = session.get("visits", 0) + 1
    session.save()
    return render_template_string(PAGE, visits=session["visits"], items=session.get("items", []))


@app.post("/add")
def add() -> Any:
    """Add an item to the list."""
    session = request.environ["beaker.session"]
    session["items"] = [*session.get("items", []), request.form["item"]]
    session.save()
    return redirect("/", 303)


@app.post("/log-out")
def log_out() -> Any:
    """Delete the session and its cookie."""
    request.environ["beaker.session"].delete()
    return redirect("/", 303)


settings = {
    "session.type": "ext:dynamodb",
    "session.table_name": "myapp-sessions",
    "session.region_name": "eu-west-1",
    "session.timeout": 1800,
    # Signs the cookie. Every process needs the same secret.
    "session.secret": os.environ.get("SESSION_SECRET", "only for development"),
}
# `app` remains a Flask application, with its commands and its test client.
app.wsgi_app = SessionMiddleware(app.wsgi_app, settings)

if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    with EmbeddedDynamoDB() as dynamodb:  # not needed on AWS
        os.environ |= dynamodb.environment
        waitress.serve(app, host="127.0.0.1", port=os.environ.get("PORT", "8080"))
