"""Maps botocore's exceptions to those of this package."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from beaker_dynamodb.dynamodb import unanswered
from beaker_dynamodb.dynamodb.authentication import (
    REFUSED_CREDENTIALS,
    WRONG_TIME,
    Remedy,
    clock_difference,
    remedy_of_response,
)
from beaker_dynamodb.dynamodb.unanswered import describe, root_error
from beaker_dynamodb.exceptions import AccessDenied, DynamoDBError, ItemTooLarge, StoreUnavailable

#: Largest item in bytes, including attribute names (AWS developer guide, quotas).
MAX_ITEM_BYTES = 409_600
#: A URL with a user name or password.
_USERINFO = r"//[^/\"]*@"


class Contended(StoreUnavailable):
    """Another transaction, or another Region, is writing the same item; retry soon."""


class ConditionFailed(Exception):
    """The condition check failed.

    :param attributes: the current item, or None if it does not exist or was not requested.
    :param action: in a transaction, the index of the first action whose check failed.
    :param reported: False if the item was read after the error, which did not contain it.
    """

    def __init__(
        self, attributes: Mapping[str, Any] | None, action: int = 0, *, reported: bool = True
    ) -> None:
        super().__init__("the condition check failed")
        self.attributes = attributes
        self.action = action
        self.reported = reported


class NoTransactions(Exception):
    """The server or the table does not support transactions."""


class MissingTable(Exception):
    """The table does not exist (ResourceNotFoundException)."""


#: The exception for each error code. For other codes: `StoreUnavailable` if the status is 5xx,
#: else `DynamoDBError`.
_EXCEPTIONS: dict[str, type[DynamoDBError]] = {
    # permissions
    "AccessDenied": AccessDenied,
    "AccessDeniedException": AccessDenied,
    "NotAuthorized": AccessDenied,
    # another write of the same item
    "ReplicatedWriteConflictException": Contended,
    "TransactionConflictException": Contended,
    "TransactionInProgressException": StoreUnavailable,
    # capacity
    "LimitExceededException": StoreUnavailable,
    "ProvisionedThroughputExceededException": StoreUnavailable,
    "RequestLimitExceeded": StoreUnavailable,
    "ThrottledException": StoreUnavailable,
    "Throttling": StoreUnavailable,
    "ThrottlingException": StoreUnavailable,
    # failures of the service
    "InternalFailure": StoreUnavailable,
    "InternalServerError": StoreUnavailable,
    "ServiceUnavailable": StoreUnavailable,
    # credentials and signatures
    "IncompleteSignature": StoreUnavailable,
    "IncompleteSignatureException": StoreUnavailable,
    "OptInRequired": StoreUnavailable,
    **dict.fromkeys((*REFUSED_CREDENTIALS, *WRONG_TIME), StoreUnavailable),
}


def translate(error: Exception, operation: str, table: str) -> Exception:
    """Return the exception to raise for an exception from a call."""
    from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError
    from botocore.parsers import ResponseParserError

    if isinstance(error, ClientError):
        return _translate_response(error.response, operation, table)
    if isinstance(error, ParamValidationError):
        # botocore's message may quote values of the item.
        return DynamoDBError(
            f"{operation}: botocore refused the parameters", operation=operation, table=table
        )
    if isinstance(error, StoreUnavailable):
        return error  # raised by the circuit breaker
    if isinstance(error, (BotoCoreError, ResponseParserError)):
        text = unanswered.explain(error)
    else:
        # No other exception may reach Beaker: it treats KeyError and TypeError as "no session".
        text = f"failed ({describe(error)})"
    return StoreUnavailable(
        f"{operation} on table {table!r}: {text}", operation=operation, table=table
    )


def cause(error: Exception) -> BaseException | None:
    """Return the error to chain as the cause, or None if it may contain a secret.

    For a failed connection, return the operating system's error without the exceptions around it.

    `UnicodeError` and `JSONDecodeError`, both `ValueError`s, contain the whole input, and
    `KeyError` contains the key. Errors about credentials may contain a helper's output, errors
    about parameters their values, and errors about a URL its password.
    """
    if isinstance(error, (ValueError, LookupError)):
        return None
    from botocore.exceptions import (
        BotoCoreError,
        CredentialRetrievalError,
        MetadataRetrievalError,
        ParamValidationError,
    )

    quoting = (CredentialRetrievalError, MetadataRetrievalError, ParamValidationError)
    if isinstance(error, quoting) or re.search(_USERINFO, str(error)):
        return None
    root = root_error(error) if isinstance(error, BotoCoreError) else error
    root.__suppress_context__ = True
    return root


def _translate_response(response: Mapping[str, Any], operation: str, table: str) -> Exception:
    """Return the exception to raise for an error response from DynamoDB."""
    code = response.get("Error", {}).get("Code", "")
    message = response.get("Error", {}).get("Message", "")
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code == "ConditionalCheckFailedException":
        return ConditionFailed(response.get("Item"))
    if code == "TransactionCanceledException":
        return _translate_cancellation(response, operation, table)
    if code == "ResourceNotFoundException":
        return MissingTable("the table does not exist")
    if operation == "TransactWriteItems" and _means_no_transactions(code, message):
        return NoTransactions()
    if code == "ValidationException" and "Item size" in message:
        return ItemTooLarge(
            f"{operation} on table {table!r}: the item is larger than {MAX_ITEM_BYTES} bytes",
            limit=MAX_ITEM_BYTES,
            operation=operation,
            table=table,
        )
    cls = _EXCEPTIONS.get(code, StoreUnavailable if status >= 500 else DynamoDBError)
    if cls is AccessDenied:
        action = _missing_action(operation, message)
        text = f"the action {action} on table {table!r} is not allowed: {message}"
    else:
        if remedy_of_response(response) is Remedy.FRESH_SIGNATURE:
            message = (
                f"{clock_difference(response)}, so the signature is refused; synchronize this "
                f"host's clock (NTP). {message}"
            )
        elif code in REFUSED_CREDENTIALS:
            message = f"{REFUSED_CREDENTIALS[code]}. {message}"
        text = f"{operation} on table {table!r}: {code or 'HTTP'} ({status}): {message}"
    return cls(text, operation=operation, table=table, aws_code=code or None)


def _translate_cancellation(response: Mapping[str, Any], operation: str, table: str) -> Exception:
    reasons = response.get("CancellationReasons", [])
    for action, reason in enumerate(reasons):
        if reason.get("Code") == "ConditionalCheckFailed":
            return ConditionFailed(reason.get("Item"), action)
    codes = sorted({reason.get("Code", "") for reason in reasons} - {"None", ""})
    cls = Contended if codes == ["TransactionConflict"] else StoreUnavailable
    return cls(
        f"{operation} on table {table!r}: canceled ({', '.join(codes)})",
        operation=operation,
        table=table,
        aws_code="TransactionCanceledException",
    )


def _means_no_transactions(code: str, message: str) -> bool:
    """Return whether an error can only mean that transactions are not supported.

    Some DynamoDB-compatible servers do not have the operation, and a strongly consistent global
    table refuses it. Other validation errors are about the items.
    """
    refused = re.search(r"transact.*not supported|not support.*transact", message, re.IGNORECASE)
    return code == "UnknownOperationException" or (
        code == "ValidationException" and refused is not None
    )


def _missing_action(operation: str, message: str) -> str:
    """Return the IAM action to allow: the one in AWS's message, otherwise the operation's."""
    if named := re.search(r"not authorized to perform: (\S+)", message):
        return named[1]
    if operation == "TransactWriteItems":  # IAM has no such action
        return "dynamodb:PutItem or dynamodb:DeleteItem"
    return f"dynamodb:{operation}"
