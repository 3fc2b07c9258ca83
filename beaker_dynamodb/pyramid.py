"""``config.include('beaker_dynamodb.pyramid')``: pyramid_beaker with `DynamoDBSession`.

Takes pyramid_beaker's settings (``session.*``, ``beaker.session.*``, cache regions) and replaces
``config.include('pyramid_beaker')``. The session is saved in a tween below the exception views, so
that a view for `StoreUnavailable` sees a save that failed.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

import beaker.session

from beaker_dynamodb.config import converters
from beaker_dynamodb.exceptions import ConfigurationError, StoreUnavailable
from beaker_dynamodb.namespace import register
from beaker_dynamodb.session import DynamoDBSession
from beaker_dynamodb.wsgi import save_errors
from beaker_dynamodb.wsgi.response_headers import with_session
from beaker_dynamodb.wsgi.session_cookie import warn_of_dropped_cookies
from beaker_dynamodb.wsgi.session_object import SessionObject

_SESSION_PREFIXES = ("session.", "beaker.session.")


def includeme(config: Any) -> None:
    """Set the session factory, the tween and the cache regions from the settings.

    :param config: Pyramid's Configurator.
    :raises ConfigurationError: pyramid_beaker is missing.
    """
    try:
        import pyramid_beaker
    except ImportError as error:
        raise ConfigurationError("pyramid_beaker is missing: pip install pyramid_beaker") from error
    from pyramid.tweens import EXCVIEW

    register()
    config.set_session_factory(session_factory_from_settings(config.registry.settings))
    config.add_tween("beaker_dynamodb.pyramid.save_session_tween_factory", under=EXCVIEW)
    pyramid_beaker.set_cache_regions_from_settings(config.registry.settings)


def session_factory_from_settings(given: Mapping[str, Any]) -> Any:
    """Return pyramid_beaker's session class for these settings, with sessions in DynamoDB."""
    import pyramid_beaker

    settings = dict(given)
    if not {f"{prefix}type" for prefix in _SESSION_PREFIXES} & settings.keys():
        settings["session.type"] = "ext:dynamodb"
    on_save_error = None
    for prefix in _SESSION_PREFIXES:
        on_save_error = settings.pop(f"{prefix}on_save_error", on_save_error)
        name = f"{prefix}invalidate_corrupt"
        if name in settings:
            # Beaker takes it as it is, and the string "false" of an INI file as true.
            settings[name] = converters.boolean(settings[name])
    settings["session.session_class"] = DynamoDBSession
    session_class = pyramid_beaker.session_factory_from_settings(settings)
    warn_of_dropped_cookies(session_class._options)
    return _pyramid_session_class(session_class, save_errors.parse(on_save_error))


def _pyramid_session_class(base: Any, on_save_error: save_errors.SaveErrorHandler) -> Any:
    """Return pyramid_beaker's session class as one of ours.

    :param base: what pyramid_beaker has made of the settings; a subclass of Beaker's SessionObject.
    """

    class PyramidSession(base, SessionObject):  # type: ignore[misc]  # made at run time
        changed = SessionObject.save

        def __init__(self, request: Any) -> None:
            beaker.session.SessionObject.__init__(self, request.environ, **self._options)
            self.__dict__["_saved_below"] = False
            request.add_response_callback(self.finish_response)

        def save_below(self, request: Any, status: str, error: Exception | None) -> Any:
            """Save below the exception views; return the response to send instead, or None.

            :raises DynamoDBError: the session was not saved.
            """
            if not self._wants_save(error):
                return None
            self.__dict__["_saved_below"] = True
            try:
                self.save_at_start(status)
            except StoreUnavailable as failure:
                app = on_save_error(request.environ, failure)
                if app is not None:
                    return request.get_response(app)
                if self.unsettled:
                    raise
            return None

        def finish_response(self, request: Any, response: Any) -> None:
            """Save what an exception view has changed, and set the headers."""
            if not self._wants_save(getattr(request, "exception", None)):
                return
            # Without the tween (Pyramid's setting `pyramid.tweens`) this is the only save.
            if self.marked or self.unsettled or not self.__dict__["_saved_below"]:
                self.save_at_start(response.status)
            response.headerlist = with_session(response.headerlist, self)

        def _wants_save(self, error: object) -> bool:
            return error is None or bool(self._cookie_on_exception)

    return PyramidSession


def save_session_tween_factory(
    handler: Callable[[Any], Any], registry: Any
) -> Callable[[Any], Any]:
    """Make the tween that saves the session of a view; exception views are above it."""
    from pyramid.httpexceptions import HTTPException

    def save_session_tween(request: Any) -> Any:
        try:
            response = handler(request)
        except HTTPException as raised:
            # A response like any other, for instance the redirect after a log-in.
            instead = _save(request, raised.status, raised)
            if instead is None:
                raise
            return instead
        instead = _save(request, response.status, None)
        if instead is not None or "session" not in request.__dict__:
            return instead or response
        # A view may return one and the same response to every visitor: the headers of this one's
        # session go into a copy.
        return copy.copy(response)

    return save_session_tween


def _save(request: Any, status: str, error: Exception | None) -> Any:
    # Pyramid keeps the session here once the application has asked for it.
    session = request.__dict__.get("session")
    save_below = getattr(type(session), "save_below", None)
    return None if save_below is None else save_below(session, request, status, error)
