"""TurboGears 2 with Beaker sessions and caches in DynamoDB: counts a visitor's visits.

Run ``python examples/turbogears_app.py`` and open http://127.0.0.1:8080/. Ctrl-C stops it.
"""

from __future__ import annotations

import logging
import os
import time

import tg
import waitress

from beaker_dynamodb.middleware import SessionMiddleware
from beaker_dynamodb.testing.local import EmbeddedDynamoDB

PAGE = """<!DOCTYPE html>
<html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>Visits</title>
<h1>Visits</h1>
<p>Your session has seen <strong id="visits">{visits}</strong> visits.</p>
<p>A slow number, cached for a minute: {number}</p>
<form method="post" action="/log-out"><button>Log out</button></form>
</html>"""


class RootController(tg.TGController):
    """The pages."""

    @tg.expose(content_type="text/html")
    def index(self) -> str:
        """Count this visit."""
        tg.session["visits"] = tg.session.get("visits", 0) + 1
        tg.session.save()
        cache = tg.cache.get_cache("numbers", expire=60)
        number = cache.get("number", createfunc=lambda: time.sleep(0.5) or time.time_ns())
        return PAGE.format(visits=tg.session["visits"], number=number)

    @tg.expose()
    def log_out(self) -> None:
        """Delete the session and its cookie."""
        if tg.request.method != "POST":
            tg.abort(405)
        tg.session.delete()
        tg.redirect("/")


settings = {
    # This package's middleware provides `tg.session`, not TurboGears' wrapper.
    "session.enabled": False,
    "session.type": "ext:dynamodb",
    "session.table_name": "myapp-sessions",
    "session.region_name": "eu-west-1",
    "session.timeout": 1800,
    # Signs the cookie. Every process needs the same secret.
    "session.secret": os.environ.get("SESSION_SECRET", "only for development"),
    "cache.enabled": True,
    "cache.type": "ext:dynamodb",
    "cache.url": "dynamodb://eu-west-1/myapp-sessions",
}
configurator = tg.FullStackApplicationConfigurator()
configurator.update_blueprint({"tm.enabled": False, "trace_errors.enable": False})
configurator.update_blueprint({"root_controller": RootController(), **settings})
application = configurator.make_wsgi_app(wrap_app=lambda app: SessionMiddleware(app, settings))

if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    with EmbeddedDynamoDB() as dynamodb:  # not needed on AWS
        os.environ |= dynamodb.environment
        waitress.serve(application, host="127.0.0.1", port=os.environ.get("PORT", "8080"))
