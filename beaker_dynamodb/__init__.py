"""Beaker sessions and caches in Amazon DynamoDB.

``session.type = ext:dynamodb`` in a Beaker configuration is all that an application needs; the
names here are for programs that register the backend by hand or catch its errors.
"""

from __future__ import annotations

from beaker_dynamodb.errors import (
    AccessDenied,
    ConfigurationError,
    DynamoDBError,
    ItemTooLarge,
    LockTimeout,
    MissingSpecialKeys,
    PayloadError,
    SessionConflict,
    SpecialKeyError,
    StoreUnavailable,
)
from beaker_dynamodb.namespace import DynamoDBContainer, DynamoDBNamespaceManager, register
from beaker_dynamodb.session import DynamoDBSession
from beaker_dynamodb.session_store import SessionStore
from beaker_dynamodb.stored_session import StoredSession

__version__ = "0.1.0"

__all__ = [
    "AccessDenied",
    "ConfigurationError",
    "DynamoDBContainer",
    "DynamoDBError",
    "DynamoDBNamespaceManager",
    "DynamoDBSession",
    "ItemTooLarge",
    "LockTimeout",
    "MissingSpecialKeys",
    "PayloadError",
    "SessionConflict",
    "SessionStore",
    "SpecialKeyError",
    "StoreUnavailable",
    "StoredSession",
    "register",
]
