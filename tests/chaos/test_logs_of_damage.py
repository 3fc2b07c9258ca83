"""Errors about unreadable bytes or unencodable strings do not quote them."""

from __future__ import annotations

import pickle
import zlib
from typing import Any

import pytest

from beaker_dynamodb import DynamoDBNamespaceManager, DynamoDBSession, PayloadError
from tests.chaos.watch import secret
from tests.servers.endpoint import Endpoint
from tests.sessions.driven import Visitor

pytestmark = pytest.mark.usefixtures("watch")


class Texts:
    """A serializer of strings, without a check that they can be encoded."""

    def dumps(self, value: str) -> str:
        return value

    def loads(self, text: str) -> str:
        return text


MARKED = secret("value").encode()


@pytest.mark.parametrize(
    ("codec", "data"),
    [
        ("json", b'["%s\xff"]' % MARKED),
        ("json", b'["%s' % MARKED),
        ("text", b"%s\xff" % MARKED),
        ("object-str", b"%s\xff" % MARKED),
        ("pickle", b"L%s\n." % MARKED),
        ("pickle", pickle.dumps(secret("value"), 2)[:-3]),
        ("of the future", MARKED),
    ],
    ids=range(7),
)
def test_errors_about_damaged_values_do_not_quote_them(
    codec: str, data: bytes, moto_endpoint: Endpoint, table_name: str
) -> None:
    options = {**moto_endpoint.options, "table_name": table_name, "serializer": Texts()}
    manager = DynamoDBNamespaceManager("pages", **options)
    manager[b"k"] = "value"
    (item,) = moto_endpoint.client.scan(TableName=table_name)["Items"]
    damages: list[dict[str, Any]] = [
        {"codec": {"S": codec}, "data": {"B": data}},
        {"type": {"S": secret("foreign")}},
    ]
    for damage in damages:
        moto_endpoint.client.put_item(TableName=table_name, Item={**item, **damage})
        with pytest.raises(PayloadError):
            manager[b"k"]


def test_errors_about_a_damaged_session_do_not_quote_it(
    moto_endpoint: Endpoint, table_name: str
) -> None:
    options = {**moto_endpoint.options, "table_name": table_name, "data_serializer": "json"}
    visitor = Visitor({**options, "invalidate_corrupt": False}, DynamoDBSession)
    visitor.starts(a=1)
    (item,) = moto_endpoint.client.scan(TableName=table_name)["Items"]
    broken = zlib.compress(b'{"a": "%s\xff"}' % MARKED)
    moto_endpoint.client.put_item(TableName=table_name, Item={**item, "data": {"B": broken}})
    with pytest.raises(PayloadError):
        visitor.request()


def test_errors_about_unencodable_strings_do_not_quote_them(
    moto_endpoint: Endpoint, table_name: str
) -> None:
    options = {**moto_endpoint.options, "table_name": table_name, "serializer": Texts()}
    manager = DynamoDBNamespaceManager("pages", **options)
    with pytest.raises(PayloadError):
        manager[b"k"] = secret("\ud800")
