"""Values in chunks, and failures while they are written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any
from unittest import mock

from beaker_dynamodb import DynamoDBNamespaceManager
from tests.opening import Opener

#: Bytes of a chunk with the fixture `small_items`.
CHUNK = 100


def open_cache(open_namespace: Opener, **options: Any) -> DynamoDBNamespaceManager:
    return open_namespace(compression="off", **options)


def stored(open_namespace: Opener, kind: str) -> list[dict[str, Any]]:
    return [item for item in open_namespace.items() if item["type"]["S"] == kind]


def kinds(open_namespace: Opener) -> dict[str, int]:
    """Count the items of each type except markers."""
    count = Counter(item["type"]["S"] for item in open_namespace.items())
    del count["beaker-marker"]
    return dict(count)


def intercept(manager: DynamoDBNamespaceManager, act: Callable[..., Any]) -> Any:
    """Replace a manager's calls to DynamoDB.

    :param act: gets the function that sends a call, the method and the parameters.
    """
    items = manager.backend.items
    return mock.patch.object(items, "call", partial(act, items.call))


def write_twice(send: Any, method: str, **params: Any) -> Any:
    """Write each item twice, as botocore does if the first response was lost."""
    if method == "put_item":
        send(method, **params)
    return send(method, **params)
