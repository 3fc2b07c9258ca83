"""Beaker's SessionMiddleware with `DynamoDBSession`, and its Paste factories."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import beaker.middleware

from beaker_dynamodb import session_options
from beaker_dynamodb.config.beaker_settings import without_prefix
from beaker_dynamodb.wsgi.exchange import Exchange
from beaker_dynamodb.wsgi.session_object import SessionObject, new_session

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

#: Session attribute: the middleware that created it, and the request's ``Cookie`` header.
_CREATED_FOR = "_created_for"


class SessionMiddleware(beaker.middleware.SessionMiddleware):  # type: ignore[misc]  # no type hints
    """Provides ``environ['beaker.session']``, stored in DynamoDB.

    Takes the arguments of Beaker's SessionMiddleware. ``type`` defaults to ``ext:dynamodb``;
    Beaker stores sessions of any other type.

    If the session cannot be saved at the start of the response because the store is unavailable,
    the option ``on_save_error`` decides what happens:

    - ``raise`` (default): raise StoreUnavailable;
    - ``503``: respond with 503;
    - a callable ``on_save_error(environ, error)``: return a WSGI application that responds instead,
      return None to send the page as it is, or raise.
    """

    def __init__(
        self,
        wrap_app: WSGIApplication,
        config: Mapping[str, Any] | None = None,
        environ_key: str = "beaker.session",
        **kwargs: Any,
    ) -> None:
        config = session_options.without_empty(config or {})
        kwargs = session_options.without_empty(kwargs)
        session_options.check_beaker_options(without_prefix(config))
        super().__init__(wrap_app, config, environ_key, **kwargs)
        self._on_save_error = session_options.complete(self.options)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Handle a request, and save its session when the response starts."""
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
        """Return the request's session, or the one from an earlier pass of the same request."""
        created_for = (self, environ.get("HTTP_COOKIE"))
        session = environ.get(self.environ_key)
        # Frameworks often produce error documents in a second pass.
        if isinstance(session, SessionObject) and vars(session).get(_CREATED_FOR) == created_for:
            return session
        session = SessionObject(environ)
        # A copy: the session sets `secure` in it for this request. Passing the options as keyword
        # arguments would take longer.
        session.__dict__.update({"_params": dict(self.options), _CREATED_FOR: created_for})
        return session

    def _get_session(self) -> Any:
        """Return a new session without a cookie, for ``environ['beaker.get_session']``."""
        return new_session(self.options)


def session_filter_factory(
    global_conf: Mapping[str, Any], **kwargs: Any
) -> Callable[[WSGIApplication], SessionMiddleware]:
    """Return a Paste filter: ``use = egg:beaker-dynamodb#session``."""
    return lambda app: SessionMiddleware(app, global_conf, **kwargs)


def session_filter_app_factory(
    app: WSGIApplication, global_conf: Mapping[str, Any], **kwargs: Any
) -> SessionMiddleware:
    """Return a Paste filter-app: ``use = egg:beaker-dynamodb#session`` with ``next``."""
    return SessionMiddleware(app, global_conf, **kwargs)
