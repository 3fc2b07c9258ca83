"""A small application behind a session middleware."""

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

MIDDLEWARES = {"beaker": beaker.middleware.SessionMiddleware, "ours": SessionMiddleware}
#: Without `crypto_type`, Beaker 1.13 does not try cryptography, and does not encrypt.
ENCRYPTED: dict[str, object] = {
    "encrypt_key": "e",
    "validate_key": "v",
    "crypto_type": "cryptography",
}
COOKIE = "beaker.session.id"
#: A cookie in Beaker's format, of a session that was never saved.
UNKNOWN = f"{COOKIE}=0123456789abcdef0123456789abcdef"

#: Added to every session that `store` and `driven.save` save; `values` omits it.
PLANTED = secret("payload")

#: What the application does with its session.
Action = Callable[[Any], Any]


@dataclass(frozen=True)
class Answer:
    result: Any
    set_cookies: list[str]

    @property
    def cookie(self) -> str:
        """The one cookie that was set, as a browser sends it back."""
        (header,) = self.set_cookies
        return header.split(";")[0]


class Site:
    def __init__(self, middleware: str, options: Mapping[str, object]) -> None:
        self.options = dict(options)
        settings = {"type": "ext:dynamodb", **options}
        config = {f"session.{name}": value for name, value in settings.items()}
        self._wsgi: WSGIApplication = MIDDLEWARES[middleware](_application, config)

    def __call__(self, action: Action, cookie: str = "") -> Answer:
        return visit(self._wsgi, action, cookie)


def visit(wsgi: WSGIApplication, action: Action, cookie: str = "") -> Answer:
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
    return _application


def values(session: Any) -> dict[str, Any]:
    """Return the application's values, without Beaker's and `PLANTED`."""
    return {name: session[name] for name in session if not name.startswith("_")}


def store(**changes: object) -> Action:
    def action(session: Session) -> None:
        session.update(changes, _planted=PLANTED)
        session.save()

    return action


def log_out(session: Any) -> None:
    session.delete()


def change_id(session: Any) -> None:
    session.regenerate_id()
    session.save()
