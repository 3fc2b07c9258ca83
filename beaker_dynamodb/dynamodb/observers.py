"""Whether other code observes or changes boto3's calls: tracing, mocks, recorders, debug logs.

Such code wraps functions of botocore, urllib3 and http.client, or registers handlers for botocore's
events. It may arrive at any time, so this is checked for each call.
"""

from __future__ import annotations

import logging
from operator import is_
from types import FunctionType
from typing import TYPE_CHECKING, Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import (
    AWSHTTPConnection,
    AWSHTTPConnectionPool,
    AWSHTTPSConnection,
    AWSHTTPSConnectionPool,
)
from botocore.client import BaseClient
from botocore.endpoint import Endpoint
from botocore.history import get_global_history_recorder
from botocore.httpsession import URLLib3Session
from botocore.parsers import ResponseParser
from botocore.signers import RequestSigner

if TYPE_CHECKING:
    from collections.abc import Mapping

_POOL = ("ConnectionCls", "urlopen", "_make_request")
_CONNECTION = ("request", "putrequest", "putheader", "endheaders", "send", "getresponse")
#: What is wrapped in order to observe calls.
_WRAPPED: dict[type, tuple[str, ...]] = {
    BaseClient: ("_make_api_call", "_make_request", "_emit_api_params", "_convert_to_request_dict"),
    Endpoint: (
        "make_request",
        "create_request",
        "prepare_request",
        "_send_request",
        "_get_response",
        "_do_get_response",
        "_send",
    ),
    RequestSigner: ("handler", "sign"),
    SigV4Auth: ("add_auth",),
    ResponseParser: ("parse",),
    URLLib3Session: ("send",),
    AWSHTTPConnectionPool: _POOL,
    AWSHTTPSConnectionPool: _POOL,
    AWSHTTPConnection: _CONNECTION,
    AWSHTTPSConnection: _CONNECTION,
}
#: Without names that this version of botocore or urllib3 does not have.
PLACES = [
    (owner, name) for owner, names in _WRAPPED.items() for name in names if hasattr(owner, name)
]
_OWNERS, _NAMES = zip(*PLACES, strict=True)
#: How the names of the modules begin whose own functions they are.
ORIGINAL = ["botocore.", "urllib3.", "http."]
#: botocore's events of a call, which end with the operation.
EVENTS = (
    "provide-client-params",
    "before-parameter-build",
    "before-endpoint-resolution",
    "before-call",
    "request-created",
    "choose-signer",
    "before-sign",
    "before-send",
    "before-parse",
    "response-received",
    "needs-retry",
    "after-call",
    "after-call-error",
)
#: Modules whose handlers every client has. Stubber, endpoint discovery and the retry mode
#: ``adaptive`` have modules of their own.
_MODULES = frozenset(
    {
        "beaker_dynamodb.dynamodb.guard",
        "beaker_dynamodb.dynamodb.fast_transport",
        "botocore.handlers",
        "botocore.retries.standard",
        "botocore.retryhandler",
        "botocore.signers",
        "botocore.useragent",
    }
)
#: The loggers that describe calls, at DEBUG.
_LOGGERS = [
    logging.getLogger(name)
    for name in (
        "botocore.auth",
        "botocore.endpoint",
        "botocore.hooks",
        "botocore.parsers",
        "urllib3.connectionpool",
    )
]


class Observers:
    """Tells whether the calls of a client are observed.

    :param operations: the DynamoDB operation for each of the client's methods in question.
    """

    def __init__(self, client: Any, operations: Mapping[str, str]) -> None:
        self._client = client
        self._events = [
            f"{event}.dynamodb.{name}" for event in EVENTS for name in operations.values()
        ]
        # New Relic wraps them when botocore creates the client's class.
        methods = [getattr(type(client), method) for method in operations]
        self._methods_wrapped = not all(map(_is_original, methods))
        self._originals: list[Any] = []
        #: botocore replaces this cache when a handler is registered or removed.
        self._handler_cache: Any = None
        self._recorder = get_global_history_recorder()

    def present(self) -> bool:
        """Return whether a call must go through boto3 for someone to observe."""
        return (
            self._methods_wrapped
            or _logged()
            or getattr(self._recorder, "_enabled", True)
            or self._wrapped()
            or self._handled()
        )

    def _wrapped(self) -> bool:
        """Return whether a function that makes the call is not the original one."""
        if "_make_api_call" in vars(self._client):
            return True
        # Not ==, because a wrapper may claim to be equal to what it wraps.
        if self._originals and all(map(is_, map(getattr, _OWNERS, _NAMES), self._originals)):
            return False
        current = [getattr(owner, name) for owner, name in PLACES]
        if not all(map(_is_original, current)):
            return True
        self._originals = current
        return False

    def _handled(self) -> bool:
        """Return whether a foreign handler is registered for botocore's events."""
        try:
            emitter = self._client.meta.events._emitter
            cache = emitter._lookup_cache
            if cache is self._handler_cache:
                return False
            for event in self._events:
                if not all(map(_is_known, emitter._handlers.prefix_search(event))):
                    return True
        except AttributeError:
            return True  # another version of botocore
        self._handler_cache = cache
        return False


def _logged() -> bool:
    # Not any() with a generator, which is half as fast.
    for logger in _LOGGERS:  # noqa: SIM110
        if logger.isEnabledFor(logging.DEBUG):
            return True
    return False


def _is_original(value: Any) -> bool:
    if isinstance(value, type):
        module = value.__module__
    elif type(value) is FunctionType:
        # A wrapper may copy __module__, but not this.
        module = value.__globals__.get("__name__", "")
    else:
        return False
    return module.startswith(tuple(ORIGINAL))


def _is_known(handler: Any) -> bool:
    return getattr(handler, "__module__", None) in _MODULES
