"""pyramid-dynamodb-sessions, with its default settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.store import Store, table_name
from benchmarks.workload import visit

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


def app(store: Store) -> WSGIApplication:
    """A Pyramid application with one view."""
    import boto3
    from pyramid.config import Configurator
    from pyramid.response import Response
    from pyramid_dynamodb_sessions import DynamoDBSessionFactory

    table = boto3.resource("dynamodb", endpoint_url=store.url).Table(table_name("pyramid"))

    def page(request: Any) -> Any:
        return Response(visit(request.session, request.path)[0])

    with Configurator(session_factory=DynamoDBSessionFactory(table)) as config:
        config.add_route("page", "/*path")
        config.add_view(page, route_name="page")
        application: WSGIApplication = config.make_wsgi_app()
        return application
