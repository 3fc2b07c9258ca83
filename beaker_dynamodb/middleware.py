"""Beaker's SessionMiddleware with `DynamoDBSession`, and its Paste factories."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import beaker.middleware

from beaker_dynamodb import casters
from beaker_dynamodb.namespace import register
from beaker_dynamodb.session import DynamoDBSession

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


class SessionMiddleware(beaker.middleware.SessionMiddleware):  # type: ignore[misc]  # no type hints
    """Gives an application ``environ['beaker.session']``, kept in DynamoDB.

    Takes the arguments of Beaker's own; ``type`` is ``ext:dynamodb`` where it is not set.
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
        self.options["invalidate_corrupt"] = casters.boolean(self.options["invalidate_corrupt"])
        # An INI file can only hold a text, which Beaker would refuse as a class.
        if not isinstance(self.options.get("session_class"), type):
            self.options["session_class"] = DynamoDBSession


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
