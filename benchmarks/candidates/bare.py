"""The fewest possible calls per request, by plain boto3, and no calls at all."""

from __future__ import annotations

import pickle
import zlib
from http.cookies import SimpleCookie
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from benchmarks.store import Store, table_name
from benchmarks.workload import session_data

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

#: An item in DynamoDB's JSON.
Item = dict[str, Any]


def new_item(session_id: str, path: str) -> Item:
    """Return a new session's item: data encoded as by this package, and a counter."""
    data = session_data(int(path.removeprefix("/begin/")))
    compressed = zlib.compress(pickle.dumps(data, 2), 6)
    return {"id": {"S": session_id}, "data": {"B": compressed}, "visits": {"N": "0"}}


def page(get: Callable[[str], Item], put: Callable[[Item], object]) -> WSGIApplication:
    """Create the application: one read, and one write if a key changes.

    :param get: reads an item.
    :param put: writes an item.
    """

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        headers = [("Content-Type", "text/plain")]
        if path.startswith("/begin/"):
            item = new_item(uuid4().hex, path)
            headers.append(("Set-Cookie", f"id={item['id']['S']}; Path=/"))
            put(item)
        else:
            item = get(SimpleCookie(environ["HTTP_COOKIE"])["id"].value)
        if path == "/change":
            item["visits"] = {"N": str(int(item["visits"]["N"]) + 1)}
            put(item)
        start_response("200 OK", headers)
        return [item["visits"]["N"].encode()]

    return app


def boto3_calls(store: Store) -> WSGIApplication:
    """One GetItem, and one PutItem for a change, with a default client."""
    import boto3

    client = boto3.session.Session().client("dynamodb", endpoint_url=store.url)
    table = table_name("boto3")

    def get(session_id: str) -> Item:
        item: Any = client.get_item(
            TableName=table, Key={"id": {"S": session_id}}, ConsistentRead=True
        )["Item"]
        return dict(item)

    return page(get, lambda item: client.put_item(TableName=table, Item=item))


def boto3_calls_beside_beaker(store: Store) -> WSGIApplication:
    """The same in a process that has imported Beaker and created a session in memory."""
    from benchmarks.candidates.beaker_sessions import hide_clients

    hide_clients()
    import beaker.middleware  # noqa: F401  only for the time that it takes
    from beaker.session import Session

    Session({}, type="memory", use_cookies=False)
    return boto3_calls(store)


def nothing(store: Store) -> WSGIApplication:
    """The same application over a dict, to measure the harness."""
    items: dict[str, Item] = {}
    return page(items.__getitem__, lambda item: items.update({item["id"]["S"]: item}))
