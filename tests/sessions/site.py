"""A small application behind a session middleware, and requests to it from any thread."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from wsgiref.util import setup_testing_defaults

import beaker.middleware
from beaker.session import Session

from beaker_dynamodb.middleware import SessionMiddleware
from tests.chaos.watch import secret

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication

#: The two ways to sessions in DynamoDB, by the names that tests call them.
MIDDLEWARES = {"beaker": beaker.middleware.SessionMiddleware, "ours": SessionMiddleware}
#: Named, because Beaker 1.13 by itself looks for other libraries only, and then does not encrypt.
ENCRYPTED: dict[str, object] = {
    "encrypt_key": "e",
    "validate_key": "v",
    "crypto_type": "cryptography",
}
COOKIE = "beaker.session.id"
#: A cookie as Beaker issues them, of a session that nobody has saved.
UNKNOWN = f"{COOKIE}=0123456789abcdef0123456789abcdef"

#: In every session that is saved here, and in `driven.save`; `values` leaves it out.
PLANTED = secret("payload")

#: What an application does with its session.
Action = Callable[[Any], Any]


@dataclass(frozen=True)
class Answer:
    """What a request gave.

    :param result: what the action returned.
    :param set_cookies: the values of the headers ``Set-Cookie``.
    """

    result: Any
    set_cookies: list[str]

    @property
    def cookie(self) -> str:
        """What a browser sends back of the one cookie that was set."""
        (header,) = self.set_cookies
        return header.split(";")[0]


class Site:
    """One instance of an application; requests may come from any thread.

    :param middleware: ``beaker`` or ``ours``.
    :param options: of the session, without ``session.``.
    """

    def __init__(self, middleware: str, options: Mapping[str, object]) -> None:
        self.options = dict(options)
        settings = {"type": "ext:dynamodb", **options}
        config = {f"session.{name}": value for name, value in settings.items()}
        self._wsgi: WSGIApplication = MIDDLEWARES[middleware](_application, config)

    def __call__(self, action: Action, cookie: str = "") -> Answer:
        """Make a request, in which the application does ``action`` with the session."""
        return visit(self._wsgi, action, cookie)


def visit(wsgi: WSGIApplication, action: Action, cookie: str = "") -> Answer:
    """Make a request to an application around `_application`.

    :param cookie: the header ``Cookie``.
    """
    environ: dict[str, Any] = {"test.action": action, "HTTP_COOKIE": cookie}
    setup_testing_defaults(environ)
    set_cookies: list[str] = []

    def start_response(status: str, headers: list[tuple[str, str]], _: Any = None) -> Any:
        assert "200 OK" == status
        set_cookies.extend(value for name, value in headers if name.lower() == "set-cookie")

    assert [b""] == list(wsgi(environ, start_response))
    return Answer(environ["test.result"], set_cookies)


def _application(environ: dict[str, Any], start_response: StartResponse) -> list[bytes]:
    environ["test.result"] = environ["test.action"](environ["beaker.session"])
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b""]


def paste_app(global_conf: Mapping[str, str]) -> WSGIApplication:
    """Make the application for Paste."""
    return _application


def values(session: Any) -> dict[str, Any]:
    """Give what an application put into a session, without Beaker's own and what was planted."""
    return {name: session[name] for name in session if not name.startswith("_")}


def store(**changes: object) -> Action:
    """Make an action that saves values."""

    def action(session: Session) -> None:
        session.update(changes, _planted=PLANTED)
        session.save()

    return action


def log_out(session: Any) -> None:
    """Delete the session."""
    session.delete()
