"""A shop with a log-in, as an application should write it, for WebTest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from webtest import TestApp

from beaker_dynamodb import SessionStore
from beaker_dynamodb.middleware import SessionMiddleware
from tests.sessions.site import PLANTED

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

KEY = "__Host-sid"
OPTIONS: dict[str, Any] = {
    "key": KEY,
    "timeout": 1800,
    "absolute_timeout": 28_800,
    "special_keys": "userId:N:index",
    "skip_throw_missing_special_keys": True,
    "user_key": "userId",
}


class Shop:
    """The application.

    :param options: session options, without ``session.``; they override `OPTIONS`.
    """

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._options = {**OPTIONS, **options}
        config = {f"session.{name}": value for name, value in self._options.items()}
        #: `Shop` behind the middleware.
        self.wsgi: WSGIApplication = SessionMiddleware(self, config)

    @property
    def store(self) -> SessionStore:
        """The sessions, for administrators."""
        return SessionStore.from_settings(
            {f"session.{name}": value for name, value in self._options.items()}
        )

    def browser(self) -> TestApp:
        """Return a new browser, which uses HTTPS."""
        # WebTest's cookie jar knows the host by this name.
        place = {"wsgi.url_scheme": "https", "HTTP_HOST": "shop.example.org"}
        return TestApp(self.wsgi, extra_environ=place)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        session: Any = environ["beaker.session"]
        headers = [("Content-Type", "text/plain")]
        match environ["REQUEST_METHOD"], environ["PATH_INFO"]:
            case "GET", "/":
                text = "welcome"
            case "POST", "/log-in":
                session.regenerate_id()
                session.logged_in()
                session.update(userId=42, secret=PLANTED)
                session.save()
                text = "logged in"
            case "POST", "/log-out":
                session.delete()
                text = "good-bye"
            case "POST", "/log-out-elsewhere":
                text = str(self.store.revoke(userId=session["userId"], keep=session.id))
            case "POST", "/password":
                text = "changed" if session.fresh_within(300) else "log in again"
            case "GET", "/devices":
                text = str(self.store.count(userId=session["userId"]))
            case _:
                headers.append(("Cache-Control", "no-store"))
                text = str(session.get("userId"))
        start_response("200 OK", headers)
        return [text.encode()]


def user(browser: TestApp, **extra: Any) -> str:
    """Return the user of a private page, or "None"."""
    return str(browser.get("/account", **extra).text)


def log_in(browser: TestApp) -> str:
    """Log in, and return the cookie's value."""
    browser.post("/log-in")
    return str(browser.cookies[KEY])
