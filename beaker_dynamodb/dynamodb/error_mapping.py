"""What botocore raises, as this package's errors: one map from AWS's code to a class."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from beaker_dynamodb.dynamodb.authentication import Remedy, clock_difference, remedy_of_answer
from beaker_dynamodb.exceptions import (
    AccessDenied,
    ConfigurationError,
    DynamoDBError,
    ItemTooLarge,
    StoreUnavailable,
)

#: Largest item, attribute names counted (AWS developer guide, quotas).
MAX_ITEM_BYTES = 409_600
#: An address with a user or a password in it.
_USERINFO = re.compile(r"//[^/\"]*@")


class Contended(StoreUnavailable):
    """Another transaction, or another Region, is writing the same item; retry soon."""


_CLASSES: dict[str, type[DynamoDBError]] = {
    "AccessDenied": AccessDenied,
    "AccessDeniedException": AccessDenied,
    "NotAuthorized": AccessDenied,
    "ReplicatedWriteConflictException": Contended,
    "TransactionConflictException": Contended,
}
# Not the caller's fault, or a matter of credentials that may be renewed: it may work later.
# Every 5xx is one of these, whatever its code.
_CLASSES |= dict.fromkeys(
    (
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "IncompleteSignatureException",
        "InvalidAccessKeyId",
        "InternalFailure",
        "InternalServerError",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "LimitExceededException",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "OptInRequired",
        "ProvisionedThroughputExceededException",
        "RequestExpired",
        "RequestInTheFuture",
        "RequestLimitExceeded",
        "RequestTimeTooSkewed",
        "ServiceUnavailable",
        "SignatureDoesNotMatch",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TokenRefreshRequired",
        "TransactionInProgressException",
        "UnrecognizedClientException",
    ),
    StoreUnavailable,
)


class ConditionFailed(Exception):
    """The condition check failed.

    :param attributes: the current item; None if there is none.
    :param action: of a transaction, the number of the action whose check failed.
    :param reported: whether the error itself carried the item.
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
    """The table is not there (ResourceNotFoundException)."""


def translate(error: Exception, operation: str, table: str) -> Exception:
    """Give the exception to raise for what a call of the client raised.

    :param operation: DynamoDB's name of the operation.
    """
    from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError
    from botocore.parsers import ResponseParserError

    if isinstance(error, ClientError):
        return _of_answer(error.response, operation, table)
    if isinstance(error, ParamValidationError):
        # Its text may hold values of the item.
        return DynamoDBError(
            f"{operation}: botocore refused the parameters", operation=operation, table=table
        )
    if isinstance(error, StoreUnavailable):
        return error  # of a hook of this package, or of a test's
    what = "no answer" if isinstance(error, (BotoCoreError, ResponseParserError)) else "failed"
    # Everything else, too, must not reach Beaker: it reads a KeyError or TypeError as "no session".
    return StoreUnavailable(
        f"{operation} on table {table!r}: {what} ({describe(error)})",
        operation=operation,
        table=table,
    )


def describe(error: Exception) -> str:
    """Describe an error without what a helper has printed, and without any value."""
    from botocore.exceptions import ConfigParseError, CredentialRetrievalError

    name = type(error).__name__
    if isinstance(error, CredentialRetrievalError):
        provider = error.kwargs.get("provider")
        return f"{name}: {provider} gave no credentials; its output is not shown"
    if isinstance(error, ConfigParseError):
        return f"{name}: {error}"
    if isinstance(error, OSError) and error.strerror:
        where = "" if error.filename is None else f": {error.filename!r}"
        return f"{name}: {error.strerror}{where}"
    return name


def cause(error: Exception) -> Exception | None:
    """Return the error to show as the cause in a traceback, or None if it may quote a value.

    A `UnicodeError` and a `JSONDecodeError`, which are `ValueError`s, hold the whole text; an error
    about credentials holds what a helper printed; one about an address holds its password.
    """
    if isinstance(error, (ValueError, LookupError)):
        return None
    from botocore.exceptions import (
        CredentialRetrievalError,
        MetadataRetrievalError,
        ParamValidationError,
    )

    quoting = (CredentialRetrievalError, MetadataRetrievalError, ParamValidationError)
    return None if isinstance(error, quoting) or _USERINFO.search(str(error)) else error


def _of_answer(response: Mapping[str, Any], operation: str, table: str) -> Exception:
    code = response.get("Error", {}).get("Code", "")
    message = response.get("Error", {}).get("Message", "")
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code == "ConditionalCheckFailedException":
        return ConditionFailed(response.get("Item"))
    if code == "TransactionCanceledException":
        return _of_cancellation(response, operation, table)
    if code == "ResourceNotFoundException":
        return MissingTable()
    if operation == "TransactWriteItems" and _lacks_transactions(code, message):
        return NoTransactions()
    if code == "ValidationException" and "Item size" in message:
        return ItemTooLarge(
            f"{operation} on table {table!r}: the item has more than {MAX_ITEM_BYTES} bytes",
            limit=MAX_ITEM_BYTES,
            operation=operation,
            table=table,
        )
    cls = _CLASSES.get(code, StoreUnavailable if status >= 500 else DynamoDBError)
    if remedy_of_answer(response) is Remedy.FRESH_SIGNATURE:
        message = (
            f"{clock_difference(response)}, so the signature is refused; synchronize this host's "
            f"clock (NTP). {message}"
        )
    text = f"{operation} on table {table!r}: {code or 'HTTP'} ({status}): {message}"
    if cls is AccessDenied:
        action = _missing_action(operation, message)
        text = f"the action {action} on table {table!r} is not allowed: {message}"
    return cls(text, operation=operation, table=table, aws_code=code or None)


def _lacks_transactions(code: str, message: str) -> bool:
    """Return whether an answer can only mean that transactions are not supported.

    DynamoDB-compatible servers do not know the operation; a multi-Region strongly consistent table
    refuses it. Other validation errors are about the items.
    """
    refused = re.search(r"transact.*not supported|not support.*transact", message, re.IGNORECASE)
    return code == "UnknownOperationException" or (
        code == "ValidationException" and refused is not None
    )


def _missing_action(operation: str, message: str) -> str:
    """Name the action: AWS's own words know it, and it may be another service's, `kms:Decrypt`."""
    if named := re.search(r"not authorized to perform: (\S+)", message):
        return named[1]
    if operation == "TransactWriteItems":  # there is no such permission
        return "dynamodb:PutItem or dynamodb:DeleteItem"
    return f"dynamodb:{operation}"


def _of_cancellation(response: Mapping[str, Any], operation: str, table: str) -> Exception:
    reasons = response.get("CancellationReasons", [])
    for number, reason in enumerate(reasons):
        if reason.get("Code") == "ConditionalCheckFailed":
            return ConditionFailed(reason.get("Item"), number)
    codes = sorted({reason.get("Code", "") for reason in reasons} - {"None", ""})
    cls = Contended if codes == ["TransactionConflict"] else StoreUnavailable
    return cls(
        f"{operation} on table {table!r}: cancelled ({', '.join(codes)})",
        operation=operation,
        table=table,
        aws_code="TransactionCanceledException",
    )


def missing_table(table: str, command: str) -> ConfigurationError:
    """Give the error for a table that is not there and may not be created."""
    return ConfigurationError(
        f"table {table!r} does not exist and create_table is false; create it with: {command}",
        table=table,
        aws_code="ResourceNotFoundException",
    )
