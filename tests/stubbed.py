"""A client that expects scripted calls and returns scripted responses."""

from __future__ import annotations

import time
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.stub import Stubber

from beaker_dynamodb import DynamoDBNamespaceManager
from beaker_dynamodb.config.parse import parse
from beaker_dynamodb.dynamodb.calls import TableCalls
from tests.clock import Clock

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from types_boto3_dynamodb import DynamoDBClient
    from typing_extensions import Self

#: The clock's time, to the millisecond.
NOW = 1_700_000_000.125
TABLE = "sessions"


@cache
def offline_client() -> DynamoDBClient:
    """Return a client that cannot connect, and does not try again. There is one for all tests."""
    return boto3.session.Session().client(
        "dynamodb",
        region_name="eu-west-1",
        endpoint_url="http://127.0.0.1:1",
        aws_access_key_id="testkey",
        aws_secret_access_key="testsecret",
        config=Config(retries={"max_attempts": 0}),
    )


class Script:
    """The calls that a client expects, in order, and their responses.

    A context manager. At its end all expected calls must have been made.
    """

    def __init__(self) -> None:
        self.client = offline_client()
        self._stubber = Stubber(self.client)

    def answer(
        self, method: str, request: Mapping[str, Any] | None, response: Mapping[str, Any]
    ) -> Self:
        """Expect a call and return this response. ``request`` None matches any parameters."""
        expected = None if request is None else dict(request)
        self._stubber.add_response(method, dict(response), expected)
        return self

    def refuse(self, method: str, code: str, message: str = "", status: int = 400) -> Self:
        """Expect a call and return this error response."""
        self._stubber.add_client_error(method, code, message, status)
        return self

    def manager(self, namespace: str = "pages", **options: object) -> DynamoDBNamespaceManager:
        """Return a manager that uses the client."""
        return DynamoDBNamespaceManager(namespace, client=self.client, clock=Clock(NOW), **options)

    def calls(self, sleep: Callable[[float], None] = time.sleep) -> TableCalls:
        """Return the calls on a table that uses the client."""
        return TableCalls(parse({"client": self.client, "clock": Clock(NOW)}), sleep)

    def __enter__(self) -> Self:
        self._stubber.activate()
        return self

    def __exit__(self, exc_type: object, exc: object, traceback: object) -> None:
        self._stubber.deactivate()
        if exc is None:
            self._stubber.assert_no_pending_responses()
