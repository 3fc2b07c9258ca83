"""Beaker sessions and caches in Amazon DynamoDB.

Most applications only need ``session.type = ext:dynamodb`` in their Beaker configuration. Import
these names to register the backend yourself, catch its errors or manage sessions.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from beaker_dynamodb.exceptions import (
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
    TooManySessions,
)
from beaker_dynamodb.namespace import DynamoDBContainer, DynamoDBNamespaceManager, register
from beaker_dynamodb.session import DynamoDBSession

if TYPE_CHECKING:
    from beaker_dynamodb.sessions.events import SessionEvent
    from beaker_dynamodb.sessions.session_store import SessionStore
    from beaker_dynamodb.sessions.stored_session import StoredSession

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
    "SessionEvent",
    "SessionStore",
    "SpecialKeyError",
    "StoreUnavailable",
    "StoredSession",
    "TooManySessions",
    "register",
]


#: Names that are imported on first use, and their modules.
_LAZY = {
    "SessionEvent": "sessions.events",
    "SessionStore": "sessions.session_store",
    "StoredSession": "sessions.stored_session",
}


def __getattr__(name: str) -> object:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)
