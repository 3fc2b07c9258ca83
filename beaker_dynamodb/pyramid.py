"""``config.include('beaker_dynamodb.pyramid')``: pyramid_beaker with sessions in DynamoDB.

Replaces ``config.include('pyramid_beaker')`` and takes its settings (``session.*``,
``beaker.session.*``, cache regions). A tween saves the session before Pyramid calls
exception views, so that an exception view for `StoreUnavailable` also handles failed saves.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import beaker.session
from beaker.cache import cache_regions

from beaker_dynamodb import session_options
from beaker_dynamodb.backend import backend_for
from beaker_dynamodb.config.beaker_settings import CACHE, TYPES, split, without_prefix
from beaker_dynamodb.exceptions import ConfigurationError, StoreUnavailable
from beaker_dynamodb.namespace import register
from beaker_dynamodb.wsgi.response_headers import with_session
from beaker_dynamodb.wsgi.session_object import SessionObject

if TYPE_CHECKING:
    from beaker_dynamodb.wsgi.save_errors import SaveErrorHandler


def includeme(config: Any) -> None:
    """Set the session factory, the tween and the cache regions from the settings.

    :raises ConfigurationError: pyramid_beaker is missing, or an option is wrong.
    """
    try:
        import pyramid_beaker
    except ImportError as error:
        raise ConfigurationError("pyramid_beaker is missing: pip install pyramid_beaker") from error
    from pyramid.tweens import EXCVIEW

    config.set_session_factory(session_factory_from_settings(config.registry.settings))
    config.add_tween("beaker_dynamodb.pyramid.save_session_tween_factory", under=EXCVIEW)
    try:
        pyramid_beaker.set_cache_regions_from_settings(config.registry.settings)
    except Exception as error:  # Beaker raises plain exceptions
        raise ConfigurationError(f"a cache region's option: {error}") from None
    for region in cache_regions.values():
        if region.get("type") in TYPES:
            register()
            from beaker_dynamodb.caches.storage import cache_storage

            cache_storage(backend_for(split(region, CACHE)[0]))  # fails now if an option is wrong


def session_factory_from_settings(settings: Mapping[str, Any]) -> Any:
    """Return pyramid_beaker's session class; without a type, the sessions are in DynamoDB."""
    import pyramid_beaker

    settings = session_options.without_empty(settings)
    session_options.check_beaker_options(without_prefix(settings))
    session_class = pyramid_beaker.session_factory_from_settings(settings)
    return _pyramid_session_class(session_class, session_options.complete(session_class._options))


def _pyramid_session_class(base: Any, on_save_error: SaveErrorHandler) -> Any:
    """Combine pyramid_beaker's session class with `SessionObject`."""

    class PyramidSession(base, SessionObject):  # type: ignore[misc]  # dynamic base
        changed = SessionObject.save

        def __init__(self, request: Any) -> None:
            beaker.session.SessionObject.__init__(self, request.environ, **self._options)
            self.__dict__["_saved_below"] = False
            request.add_response_callback(self.finish_response)

        def save_below(self, request: Any, status: str, error: Exception | None) -> Any:
            """Save in the tween, where exception views can still handle an error.

            :returns: the response to send instead of the view's, or None.
            :raises DynamoDBError: the session was not saved, and `on_save_error` did not handle it.
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
            """Save an exception view's changes, and add the session's headers."""
            if not self._wants_save(getattr(request, "exception", None)):
                return
            # If the setting `pyramid.tweens` omits the tween, this is the only save.
            if self.marked or self.unsettled or not self.__dict__["_saved_below"]:
                self.save_at_start(response.status)
            response.headerlist = with_session(response.headerlist, self)

        def _wants_save(self, error: object) -> bool:
            return error is None or bool(self._cookie_on_exception)

    return PyramidSession


def save_session_tween_factory(
    handler: Callable[[Any], Any], registry: Any
) -> Callable[[Any], Any]:
    """Return a tween that saves the session after the view, before any exception view."""
    from pyramid.httpexceptions import HTTPException

    def save_session_tween(request: Any) -> Any:
        try:
            response = handler(request)
        except HTTPException as raised:
            # Not an error but a response, for example the redirect after a log-in.
            instead = _save(request, raised.status, raised)
            if instead is None:
                raise
            return instead
        instead = _save(request, response.status, None)
        if instead is not None or "session" not in request.__dict__:
            return instead or response
        # A view may return the same response object to every visitor: add headers to a copy only.
        return _copied(response)

    return save_session_tween


def _copied(response: Any) -> Any:
    """Return a shallow copy of a response, such as an HTTPFound that a view returned."""
    if not isinstance(response, Exception):
        return copy.copy(response)
    # copy.copy would call the constructor without the location that a redirect requires.
    copied = type(response).__new__(type(response))
    copied.__dict__.update(response.__dict__)
    return copied


def _save(request: Any, status: str, error: Exception | None) -> Any:
    # Pyramid caches the session here once the application has accessed it.
    session = request.__dict__.get("session")
    save_below = getattr(type(session), "save_below", None)
    return None if save_below is None else save_below(session, request, status, error)
