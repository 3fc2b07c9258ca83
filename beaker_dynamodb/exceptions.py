"""The exceptions that this package raises.

::

    BeakerException
    └── DynamoDBError
        ├── ConfigurationError
        ├── StoreUnavailable
        ├── AccessDenied
        ├── SessionConflict
        ├── ItemTooLarge
        ├── PayloadError
        ├── TooManySessions
        ├── LockTimeout
        └── SpecialKeyError
            └── MissingSpecialKeys

A missing key is a plain ``KeyError``, as everywhere in Beaker. None of these exceptions is a
``KeyError`` or ``TypeError``, because Beaker's Session treats both as "new session": a store error
must never log a user out.
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
    "TooManySessions",
]


class DynamoDBError(BeakerException):  # type: ignore[misc]  # Beaker has no type hints
    """Base class of all exceptions of this package.

    :param operation: the DynamoDB operation that failed, for instance ``PutItem``, or None if no
        call failed.
    :param table: the table's name, or None if the error is not about a table.
    :param aws_code: AWS's error code, for instance ``ThrottlingException``, or None if DynamoDB did
        not return one.

    After a failed call, ``__cause__`` is botocore's exception, or the operating system's if the
    connection failed. It is None if it could contain a secret.
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
    """An option, the table or the installation must be changed."""


class StoreUnavailable(DynamoDBError):
    """DynamoDB could not answer; the same call may succeed later.

    Possible reasons are the network, a timeout, throttling, the credentials, an internal error of
    DynamoDB, and the table's state.
    """


class AccessDenied(DynamoDBError):
    """The credentials lack a permission. The message names it, such as ``dynamodb:PutItem``."""


class SessionConflict(DynamoDBError):
    """Another request saved the session in the meantime.

    Raised with ``concurrency = reject``, or if the changes could not be merged in time.
    """


class ItemTooLarge(DynamoDBError):
    """The value is too large; nothing was written.

    :param size: size of the value in bytes, or 0 if only DynamoDB knows it.
    :param limit: maximum size in bytes.
    :param hashed_key: the first digits of the SHA-256 of the item's primary key, or None.
    """

    def __init__(
        self,
        message: str,
        *,
        size: int = 0,
        limit: int = 0,
        hashed_key: str | None = None,
        **call: str | None,
    ) -> None:
        super().__init__(message, **call)
        self.size = size
        self.limit = limit
        self.hashed_key = hashed_key


class PayloadError(DynamoDBError):
    """A value cannot be encoded, or stored bytes cannot be decoded."""


class LockTimeout(DynamoDBError):
    """Another caller is still computing a cache value after ``lock_timeout``."""


class TooManySessions(DynamoDBError):
    """The user already has ``max_sessions`` sessions; nothing was saved.

    Raised when a log-in is saved with ``when_exceeded = refuse``.

    :param limit: the option ``max_sessions``.
    """

    def __init__(self, message: str, *, limit: int) -> None:
        super().__init__(message)
        self.limit = limit


class SpecialKeyError(DynamoDBError):
    """A special key's value does not have the declared type; nothing was saved.

    :param key: the special key.
    :param type: the type in the option ``special_keys``, for instance ``N``.
    """

    def __init__(self, message: str, *, key: str, type: str) -> None:
        super().__init__(message)
        self.key = key
        self.type = type


class MissingSpecialKeys(SpecialKeyError):
    """The session lacks special keys; nothing was saved.

    :param names: all missing keys. ``key`` and ``type`` are those of the first.
    """

    def __init__(self, message: str, *, names: Sequence[str], key: str, type: str) -> None:
        super().__init__(message, key=key, type=type)
        self.names = tuple(names)
