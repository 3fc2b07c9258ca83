"""Pyramid with Beaker sessions in DynamoDB: a log-in, and a list of where you are logged in.

Run ``python examples/pyramid_app.py`` and open http://127.0.0.1:8080/, also in a second browser or
a private window. Ctrl-C stops it.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from html import escape
from typing import Any

import waitress
from pyramid.config import Configurator
from pyramid.httpexceptions import HTTPSeeOther
from pyramid.response import Response

from beaker_dynamodb import SessionStore
from beaker_dynamodb.testing.local import EmbeddedDynamoDB

PAGE = """<!DOCTYPE html>
<html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>{title}</title>
<style>body {{ font: 1.1rem/1.6 system-ui; max-width: 50rem; margin: 2rem auto; padding: 0 1rem }}
table {{ border-collapse: collapse; width: 100% }} caption {{ text-align: left }}
th, td {{ text-align: left; padding: .3rem .6rem .3rem 0; border-bottom: 1px solid #ccc }}
input, button {{ font: inherit; padding: .2rem .6rem }} form {{ margin: 1rem 0 }}</style>
<h1>{title}</h1>
{body}
</html>"""
LOG_IN = """<form method="post" action="/log-in">
<label>User <input name="user" required maxlength="100" autocomplete="username"></label>
<button>Log in</button></form>"""
DEVICES = """<p>Your session has seen <strong id="visits">{visits}</strong> visits.</p>
<table><caption>Where you are logged in</caption>
<tr><th scope="col">Browser<th scope="col">Since<th scope="col">Last access</tr>
{rows}</table>
<form method="post" action="/log-out-others"><button>Log out everywhere else</button></form>
<form method="post" action="/log-out"><button>Log out</button></form>"""
DEVICE = "<tr><td>{browser}<td>{created:%Y-%m-%d %H:%M} UTC<td>{accessed:%Y-%m-%d %H:%M} UTC</tr>"


def home(request: Any) -> Response:
    """Show the user's sessions, or the log-in form."""
    session = request.session
    if "userId" not in session:
        return Response(PAGE.format(title="Log in", body=LOG_IN))
    session["visits"] += 1  # no session.save(): setting a key of a Pyramid session is enough
    user = escape(session["userId"])
    devices = "\n".join(device_rows(request))
    body = DEVICES.format(visits=session["visits"], rows=devices)
    return Response(PAGE.format(title=f"Welcome, {user}", body=body))


def device_rows(request: Any) -> Iterator[str]:
    """Yield a table row for each of the user's sessions, the latest first."""
    found = request.session_store.sessions(userId=request.session["userId"])
    for one in sorted(found, key=lambda one: one.created, reverse=True):
        browser = escape(one.special["browser"])
        if one.id == request.session.id:
            browser += " <strong>(this browser)</strong>"
        yield DEVICE.format(browser=browser, created=one.created, accessed=one.accessed)


def log_in(request: Any) -> HTTPSeeOther:
    """Start the user's session under a new id."""
    user = request.POST.get("user", "").strip()[:100]
    if user:  # a real application checks a password here
        request.session.regenerate_id()
        request.session["userId"] = user
        request.session["browser"] = (request.user_agent or "unknown")[:200]
        request.session["visits"] = 0
    return HTTPSeeOther("/")


def log_out(request: Any) -> HTTPSeeOther:
    """Delete the session and its cookie."""
    request.session.delete()
    return HTTPSeeOther("/")


def log_out_others(request: Any) -> HTTPSeeOther:
    """Delete the user's other sessions."""
    user = request.session.get("userId")
    if user is not None:
        request.session_store.revoke(userId=user, keep=request.session.id)
    return HTTPSeeOther("/")


SETTINGS = {
    "session.type": "ext:dynamodb",
    "session.table_name": "myapp-sessions",
    "session.region_name": "eu-west-1",
    "session.timeout": 1800,
    # Copied to attributes of the item. The index finds all sessions of a user.
    "session.special_keys": "userId:S:index, browser:S",
    "session.skip_throw_missing_special_keys": True,  # before the log-in there is no userId
    # Signs the cookie. Every process needs the same secret.
    "session.secret": os.environ.get("SESSION_SECRET", "only for development"),
}


def main(global_config: Any = None, **settings: Any) -> Any:
    """Return the application; a `paste.app_factory`."""
    settings = {**SETTINGS, **settings}
    with Configurator(settings=settings) as config:
        config.include("beaker_dynamodb.pyramid")
        store = SessionStore.from_settings(settings)
        config.add_request_method(lambda request: store, "session_store", property=True)
        for view, path, method in [
            (home, "/", "GET"),
            (log_in, "/log-in", "POST"),
            (log_out, "/log-out", "POST"),
            (log_out_others, "/log-out-others", "POST"),
        ]:
            config.add_route(view.__name__, path, request_method=method)
            config.add_view(view, route_name=view.__name__)
        return config.make_wsgi_app()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    with EmbeddedDynamoDB() as dynamodb:  # not needed on AWS
        os.environ |= dynamodb.environment
        waitress.serve(main(), host="127.0.0.1", port=os.environ.get("PORT", "8080"))
