"""Flask sessions in DynamoDB, with their default settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.store import Store, table_name
from benchmarks.workload import visit

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication
    from flask import Flask


def flask_session(store: Store) -> WSGIApplication:
    """flask-session with its DynamoDB interface."""
    import boto3

    table = table_name("flask-session")
    resource = boto3.resource("dynamodb", endpoint_url=store.url)
    return _with_flask_session(
        SESSION_TYPE="dynamodb", SESSION_DYNAMODB=resource, SESSION_DYNAMODB_TABLE=table
    )


def cachelib_session(store: Store) -> WSGIApplication:
    """flask-session over cachelib's DynamoDbCache."""
    from cachelib.dynamodb import DynamoDbCache

    cache = DynamoDbCache(table_name("cachelib"), endpoint_url=store.url)
    return _with_flask_session(SESSION_TYPE="cachelib", SESSION_CACHELIB=cache)


def dynamodb_session_flask(store: Store) -> WSGIApplication:
    """dynamodb-session-flask."""
    from dynamodb_session_flask import DynamoDbSession

    app = _app()
    app.config["SESSION_DYNAMODB_TABLE_NAME"] = table_name("dynamodb-session-flask")
    app.config["SESSION_DYNAMODB_ENDPOINT_URL"] = store.url
    app.session_interface = DynamoDbSession()
    return app.wsgi_app


def _with_flask_session(**settings: Any) -> WSGIApplication:
    from flask_session import Session

    app = _app()
    app.config.update(settings)
    Session(app)
    return app.wsgi_app


def _app() -> Flask:
    from flask import Flask, session

    app = Flask("benchmark")

    @app.route("/<path:path>")
    def page(path: str) -> str:
        return visit(session, f"/{path}")[0]

    return app
