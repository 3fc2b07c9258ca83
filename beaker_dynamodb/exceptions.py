"""Every error that this package raises.

::

    BeakerException
    └── DynamoDBError               anything that went wrong between Beaker and DynamoDB
        ├── ConfigurationError      unknown or bad option, table of another shape, missing boto3
        ├── StoreUnavailable        network, throttling, 5xx, timeout, credentials, table state
        ├── AccessDenied            IAM says no; the message names the missing action
        ├── SessionConflict         concurrent saves of a session that could not be merged
        ├── ItemTooLarge            more bytes than max_value_size, or than DynamoDB takes
        ├── PayloadError            a value that cannot be encoded, or stored bytes that cannot
        │                           be decoded
        ├── LockTimeout             another caller makes a cache value for longer than one waits
        └── SpecialKeyError         a session key that is copied is not of its declared type
            └── MissingSpecialKeys  ... or not there at all

A key that is not there is a plain ``KeyError``, as everywhere in Beaker. Nothing in the tree is
a ``KeyError`` or a ``TypeError``, because Beaker's Session reads those two as "a new session":
a fault of the store must never log anybody out.
"""

from __future__ import annotations

from collections.abc import Sequence

from beaker.exceptions import BeakerException

__all__ = [
    "AccessDenied",
    "ConfigurationError",
    "DynamoDBError",
    "ItemTooLarge",
    "LockTimeout",
    "MissingSpecialKeys",
    "PayloadError",
    "SessionConflict",
    "SpecialKeyError",
    "StoreUnavailable",
]


class DynamoDBError(BeakerException):  # type: ignore[misc]  # Beaker has no type hints
    """Anything that went wrong between Beaker and DynamoDB.

    :param message: what happened and, where there is one, the way out.
    :param operation: DynamoDB's name of the operation, for instance ``PutItem``.
    :param table: the table's name.
    :param aws_code: the error code of AWS's answer, for instance ``ThrottlingException``; None
        where there was no answer.

    The botocore exception, if there was one, is ``__cause__``.
    """

    def __init__(
        self,
        message: str,
        *,
        operation: str | None = None,
        table: str | None = None,
        aws_code: str | None = None,
    ) -> None:
        super().__init__(message)
        self.operation = operation
        self.table = table
        self.aws_code = aws_code


class ConfigurationError(DynamoDBError):
    """An option, the table or the installation has to be changed before this can work."""


class StoreUnavailable(DynamoDBError):
    """DynamoDB could not answer; the same call may succeed later. Nobody is logged out by it."""


class AccessDenied(DynamoDBError):
    """The credentials lack a permission; the message names the action, ``dynamodb:PutItem``."""


class SessionConflict(DynamoDBError):
    """Another request saved the session meanwhile, and ``concurrency`` is ``reject``.

    With ``merge`` it means that merging did not settle within its time.
    """


class ItemTooLarge(DynamoDBError):
    """The value is larger than may be stored; nothing was written.

    :param size: bytes that were to be stored.
    :param limit: bytes that can be stored.
    :param hashed_key: the beginning of the SHA-256 of the item's primary key.
    """

    def __init__(
        self,
        message: str,
        *,
        size: int = 0,
        limit: int = 0,
        hashed_key: str | None = None,
        operation: str | None = None,
        table: str | None = None,
        aws_code: str | None = None,
    ) -> None:
        super().__init__(message, operation=operation, table=table, aws_code=aws_code)
        self.size = size
        self.limit = limit
        self.hashed_key = hashed_key


class PayloadError(DynamoDBError):
    """A value cannot be turned into bytes, or stored bytes cannot be turned into a value."""


class LockTimeout(DynamoDBError):
    """Another caller is making a cache value, and ``lock_timeout`` has passed."""


class SpecialKeyError(DynamoDBError):
    """A special key's value is not of the type that ``special_keys`` declares; nothing was saved.

    :param key: the special key's name.
    :param type: the declared type, for instance ``N``.
    """

    def __init__(self, message: str, *, key: str, type: str) -> None:
        super().__init__(message)
        self.key = key
        self.type = type


class MissingSpecialKeys(SpecialKeyError):
    """The session lacks special keys; nothing was saved. ``key`` and ``type`` are the first's.

    :param names: all that are missing.
    """

    def __init__(self, message: str, *, names: Sequence[str], key: str, type: str) -> None:
        super().__init__(message, key=key, type=type)
        self.names = tuple(names)
