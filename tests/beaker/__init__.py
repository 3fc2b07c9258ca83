"""Tests through Beaker's middleware and cache manager, and the frameworks that use them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from beaker.cache import cache_managers, cache_regions
from beaker.middleware import SessionMiddleware
from botocore.exceptions import ClientError
from webtest import TestApp

from beaker_dynamodb import DynamoDBNamespaceManager
from beaker_dynamodb.dynamodb import client as clients

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

    from tests.servers.endpoint import Endpoint

COOKIE = "beaker.session.id"


class Browser:
    """A visitor of an application behind Beaker's real SessionMiddleware; keeps its cookies.

    :param options: session options, without ``session.``; browsers with equal options visit the
        same application.
    """

    def __init__(self, options: Mapping[str, object], **extra: object) -> None:
        settings = {"type": "ext:dynamodb", **options, **extra}
        config = {f"session.{name}": value for name, value in settings.items()}
        self.web = TestApp(SessionMiddleware(self._application, config))
        self._action: Callable[[Any], Any] = bool
        self._result: Any = None

    def visit(self, action: Callable[[Any], Any], cookie: str | None = None) -> Any:
        """Make a request in which the application calls ``action`` with the session.

        :param cookie: the text of a Cookie header to send instead of the cookies kept.
        :returns: what ``action`` returned.
        """
        if cookie is not None:
            self.web.reset()
        self._action = action
        headers = None if cookie is None else {"Cookie": cookie}
        self.web.get("/", headers=headers, status=200)
        return self._result

    def save(self, **values: object) -> None:
        """Make a request that puts values into the session and saves it."""

        def action(session: Any) -> None:
            session.update(values)
            session.save()

        self.visit(action)

    def contents(self) -> dict[str, Any]:
        """Make a request that only reads, and return the values of the session."""
        contents: dict[str, Any] = self.visit(values)
        return contents

    def _application(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        self._result = self._action(environ["beaker.session"])
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b""]


def values(session: Any) -> dict[str, Any]:
    """Return what an application put into a session, without Beaker's own values."""
    return {name: session[name] for name in session if not name.startswith("_")}


def used_client(options: Mapping[str, object]) -> DynamoDBClient:
    """Return the client of managers with these options."""
    return DynamoDBNamespaceManager("any", **options).client


@contextmanager
def one_failed_read(client: DynamoDBClient) -> Iterator[None]:
    """Throttle the next GetItem of the block."""
    events, name = client.meta.events, "before-send.dynamodb.GetItem"

    def fail(**_: object) -> None:
        events.unregister(name, fail)
        raise ClientError({"Error": {"Code": "ThrottlingException"}}, "GetItem")

    events.register_first(name, fail)
    yield


def items(client: DynamoDBClient, table_name: str) -> dict[str, dict[str, Any]]:
    """Return the items of a table by their key ``id``."""
    pages = client.get_paginator("scan").paginate(TableName=table_name, ConsistentRead=True)
    return {item["id"]["S"]: dict(item) for page in pages for item in page["Items"]}


@contextmanager
def own_caches() -> Iterator[None]:
    """Hide the caches and regions that Beaker keeps per process."""
    kept = dict(cache_managers), dict(cache_regions)
    cache_managers.clear()
    cache_regions.clear()
    yield
    for current, before in zip((cache_managers, cache_regions), kept, strict=True):
        current.clear()
        current.update(before)


@contextmanager
def aws_is(endpoint: Endpoint) -> Iterator[None]:
    """Point boto3's default configuration to a test server, so that examples run as written.

    Delete the tables that they create.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL_DYNAMODB", endpoint.url)
        patch.setenv("AWS_ACCESS_KEY_ID", endpoint.options["aws_access_key_id"])
        patch.setenv("AWS_SECRET_ACCESS_KEY", endpoint.options["aws_secret_access_key"])
        patch.setattr(clients._clients, "_value", {})
        before = tables(endpoint.client)
        yield
        for name in tables(endpoint.client) - before:
            endpoint.client.delete_table(TableName=name)


def tables(client: DynamoDBClient) -> set[str]:
    """Return the names of all tables."""
    pages = client.get_paginator("list_tables").paginate()
    return {name for page in pages for name in page["TableNames"]}
