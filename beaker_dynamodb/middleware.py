"""Beaker's SessionMiddleware with `DynamoDBSession`, and its Paste factories."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import beaker.middleware

from beaker_dynamodb.config import converters
from beaker_dynamodb.namespace import register
from beaker_dynamodb.session import DynamoDBSession
from beaker_dynamodb.wsgi import save_errors
from beaker_dynamodb.wsgi.exchange import Exchange
from beaker_dynamodb.wsgi.session_cookie import warn_of_dropped_cookies
from beaker_dynamodb.wsgi.session_object import SessionObject, new_session

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

#: Where `SessionMiddleware` keeps, in a session, which middleware made it and for which cookies.
_MADE_FOR = "_made_for"


class SessionMiddleware(beaker.middleware.SessionMiddleware):  # type: ignore[misc]  # no type hints
    """Gives an application ``environ['beaker.session']``, kept in DynamoDB.

    Takes the arguments of Beaker's own; ``type`` is ``ext:dynamodb`` where it is not set. The
    option ``on_save_error`` decides what happens when the session cannot be saved at the start of
    the response, because the store does not answer: ``raise`` StoreUnavailable (the default),
    respond with ``503``, or a callable ``on_save_error(environ, error)``. It returns a WSGI
    application that responds instead, or None to send the page as it is, or raises.
    """

    def __init__(
        self,
        wrap_app: WSGIApplication,
        config: Mapping[str, Any] | None = None,
        environ_key: str = "beaker.session",
        **kwargs: Any,
    ) -> None:
        register()
        super().__init__(wrap_app, config, environ_key, **kwargs)
        if not self.options.get("type"):
            self.options["type"] = "ext:dynamodb"
        # Beaker takes this one as it is, and the text "false" of an INI file for true.
        self.options["invalidate_corrupt"] = converters.boolean(self.options["invalidate_corrupt"])
        # An INI file can only hold a text, which Beaker would refuse as a class.
        if not isinstance(self.options.get("session_class"), type):
            self.options["session_class"] = DynamoDBSession
        self._on_save_error = save_errors.parse(self.options.pop("on_save_error", None))
        warn_of_dropped_cookies(self.options)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Respond to a request, and save its session when the response starts."""
        session = self._session_of(environ)
        registry = environ.get("paste.registry")
        if registry and registry.reglist:
            registry.register(self.session, session)
        environ[self.environ_key] = session
        environ["beaker.get_session"] = self._get_session
        if "paste.testing_variables" in environ and "webtest_varname" in self.options:
            environ["paste.testing_variables"][self.options["webtest_varname"]] = session
        return Exchange(session, environ, start_response, self._on_save_error).respond(self.app)

    def _session_of(self, environ: WSGIEnvironment) -> SessionObject:
        """Return the request's session: the one that an earlier pass has made, or a new one."""
        made_for = (self, environ.get("HTTP_COOKIE"))
        session = environ.get(self.environ_key)
        # An error document is often made by a second pass of the same request.
        if isinstance(session, SessionObject) and vars(session).get(_MADE_FOR) == made_for:
            return session
        session = SessionObject(environ, **self.options)
        session.__dict__[_MADE_FOR] = made_for
        return session

    def _get_session(self) -> Any:
        """Return a new session without a cookie, as ``environ['beaker.get_session']`` does."""
        return new_session(self.options)


def session_filter_factory(
    global_conf: Mapping[str, Any], **kwargs: Any
) -> Callable[[WSGIApplication], SessionMiddleware]:
    """Make a Paste filter: ``use = egg:beaker-dynamodb#session``."""

    def filter(app: WSGIApplication) -> SessionMiddleware:
        return SessionMiddleware(app, global_conf, **kwargs)

    return filter


def session_filter_app_factory(
    app: WSGIApplication, global_conf: Mapping[str, Any], **kwargs: Any
) -> SessionMiddleware:
    """Make a Paste filter-app: ``use = egg:beaker-dynamodb#session`` with ``next``."""
    return SessionMiddleware(app, global_conf, **kwargs)
