"""A Pyramid application whose sessions and caches are in DynamoDB: see development.ini."""

from __future__ import annotations

from typing import Any

from beaker.cache import cache_region
from pyramid.config import Configurator
from pyramid.httpexceptions import HTTPFound
from pyramid.response import Response


@cache_region("short_term", "total")
def total(upto: int) -> int:
    """Add up numbers, which stands for something slow: the region keeps the result."""
    return sum(range(upto + 1))


def index(request: Any) -> Response:
    """Count this visit. pyramid_beaker saves by itself when a value is set."""
    request.session["visits"] = visits = request.session.get("visits", 0) + 1
    return Response(f"visits: {visits}, total: {total(visits)}\n", content_type="text/plain")


def log_out(request: Any) -> HTTPFound:
    """Forget the visitor."""
    request.session.delete()
    return HTTPFound("/")


def main(global_config: dict[str, str], **settings: str) -> Any:
    """Give the application to PasteDeploy (``paste.app_factory``)."""
    with Configurator(settings=settings) as config:
        # Reads the lines that begin with `session.` and `cache.`.
        config.include("pyramid_beaker")
        config.add_route("index", "/")
        config.add_view(index, route_name="index")
        config.add_route("logout", "/logout", request_method="POST")
        config.add_view(log_out, route_name="logout")
        return config.make_wsgi_app()
