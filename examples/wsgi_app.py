"""A WSGI application without a framework, for wsgi.ini: counts a visitor's visits."""

from __future__ import annotations

from typing import Any


def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """Count this visit; at ``/logout`` forget the visitor."""
    session = environ["beaker.session"]
    if environ["PATH_INFO"] == "/logout":
        session.delete()
        text = "good-bye\n"
    else:
        session["visits"] = session.get("visits", 0) + 1
        session.save()
        text = f"visits: {session['visits']}\n"
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
    return [text.encode()]


def make_application(global_conf: dict[str, str], **settings: str) -> Any:
    """Give the application to PasteDeploy (``paste.app_factory``)."""
    return application
