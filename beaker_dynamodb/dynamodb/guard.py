"""Handlers for botocore's events: refuse damaged responses, and end retries in an outage.

They are registered on every client, including the application's own.
"""

from __future__ import annotations

import json
import zlib
from typing import TYPE_CHECKING, Any

from beaker_dynamodb.dynamodb.circuit_breaker import breaker_of

if TYPE_CHECKING:
    from botocore.model import OperationModel
    from types_boto3_dynamodb import DynamoDBClient

    from beaker_dynamodb.config.options import Options


def guard(client: DynamoDBClient, options: Options) -> None:
    """Make a client refuse damaged responses, and report its attempts to the circuit breaker.

    An attempt in progress cannot be interrupted, so a call takes at most `total_timeout` plus
    botocore's backoff and one more attempt.
    """

    def after_attempt(
        response: Any, caught_exception: Exception | None, operation: OperationModel, **_: Any
    ) -> None:
        error = _failure(response, caught_exception, operation)
        if error is not None:
            if not breaker_of(options).may_retry(error):
                raise error
        elif caught_exception is None and response[0].status_code != 200:
            # botocore may retry a throttled call, which must not count as unanswered.
            breaker_of(options).answered()

    events = client.meta.events
    # Each is registered once, even if several configurations share the application's client.
    events.register("after-call.dynamodb", refuse_damaged, unique_id="beaker_dynamodb")
    # First, because botocore's own handler raises after the last attempt in retry mode "legacy".
    name = "beaker_dynamodb.attempts"
    events.register_first("needs-retry.dynamodb", after_attempt, unique_id=name)


def _failure(
    response: Any, caught_exception: Exception | None, operation: OperationModel
) -> Exception | None:
    """Return an attempt's error if it got no answer or a 5xx status, otherwise None."""
    if caught_exception is None:
        http_response, parsed = response
        if http_response.status_code < 500:
            return None
        from botocore.exceptions import ClientError

        return ClientError(parsed, operation.name)
    from botocore.exceptions import ConnectionError, HTTPClientError

    # Read timeouts and closed connections are HTTPClientErrors. DNS and TLS errors, refused
    # connections and connect timeouts are ConnectionErrors.
    unanswered = isinstance(caught_exception, (ConnectionError, HTTPClientError))
    return caught_exception if unanswered else None


def refuse_damaged(http_response: Any, parsed: dict[str, Any], model: Any, **_: Any) -> None:
    """Raise for a response that is incomplete or not from DynamoDB.

    botocore verifies the checksum only in the retry mode ``legacy``. It treats a body that is not
    JSON as a response without an item. That would look like a missing session, and log the user
    out.
    """
    if http_response.raw is None:
        return  # botocore's Stubber
    if model.output_shape is None:
        return  # an empty response, for instance of TagResource (AWS API reference)
    content = http_response.content
    if (actual := wrong_checksum(http_response.headers, content)) is not None:
        from botocore.exceptions import ChecksumError

        expected = http_response.headers["x-amz-crc32"]
        raise ChecksumError(
            checksum_type="crc32", expected_checksum=expected, actual_checksum=actual
        )
    # If botocore found members other than its own, it has parsed the body.
    if not parsed.keys() - {"ResponseMetadata", "Error"} and not _is_object(content):
        from botocore.parsers import ResponseParserError

        raise ResponseParserError("not a response from DynamoDB")


def wrong_checksum(headers: Any, content: bytes) -> str | None:
    """Return the CRC-32 of a response if it contradicts the headers, otherwise None."""
    expected = headers.get("x-amz-crc32")
    if expected is None or (actual := str(zlib.crc32(content))) == expected:
        return None
    return actual


def _is_object(content: bytes) -> bool:
    try:
        return isinstance(json.loads(content), dict)
    except ValueError:
        return False
