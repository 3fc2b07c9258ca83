"""Ends botocore's retries while DynamoDB is known not to answer, and after `total_timeout`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from beaker_dynamodb.dynamodb.circuit_breaker import breaker_of

if TYPE_CHECKING:
    from botocore.model import OperationModel
    from types_boto3_dynamodb import DynamoDBClient

    from beaker_dynamodb.config.options import Options


def limit_attempts(client: DynamoDBClient, options: Options) -> None:
    """Ask the circuit breaker after each attempt of a client that got no answer.

    An attempt that has begun cannot be shortened, so a call takes at most `total_timeout`,
    botocore's pause and one more attempt.
    """

    def after_attempt(
        response: Any, caught_exception: Exception | None, operation: OperationModel, **_: Any
    ) -> None:
        error = _failure(response, caught_exception, operation)
        if error is not None:
            if not breaker_of(options).may_retry(error):
                raise error
        elif caught_exception is None and response[0].status_code != 200:
            # A throttled call is not over yet, and must not look like one without an answer.
            breaker_of(options).answered()

    # Registers once, even if several configurations share the application's client. First, because
    # botocore's own handler raises after the last attempt of the retry mode "legacy".
    name = "beaker_dynamodb.attempts"
    client.meta.events.register_first("needs-retry.dynamodb", after_attempt, unique_id=name)


def _failure(
    response: Any, caught_exception: Exception | None, operation: OperationModel
) -> Exception | None:
    """Return the error of an attempt that DynamoDB did not answer, or None."""
    if caught_exception is None:
        http_response, parsed = response
        if http_response.status_code < 500:
            return None
        from botocore.exceptions import ClientError

        return ClientError(parsed, operation.name)
    from botocore.exceptions import ConnectionError, HTTPClientError

    # Timeouts and closed connections are HTTPClientErrors; DNS, TLS, refused connections and
    # timeouts while connecting are ConnectionErrors.
    unanswered = isinstance(caught_exception, (ConnectionError, HTTPClientError))
    return caught_exception if unanswered else None
