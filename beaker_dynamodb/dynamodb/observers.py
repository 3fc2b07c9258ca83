"""Detects code that observes or changes boto3's calls: tracing, mocks, recorders, debug logs.

Such code wraps functions in botocore, urllib3 and http.client, or registers handlers for botocore's
events. It may do so at any time, so every call checks for it.
"""

from __future__ import annotations

import http.client
import logging
from collections.abc import Mapping
from operator import is_
from types import FunctionType
from typing import Any

import botocore.discovery
from botocore.auth import SigV4Auth
from botocore.awsrequest import (
    AWSHTTPConnection,
    AWSHTTPConnectionPool,
    AWSHTTPSConnection,
    AWSHTTPSConnectionPool,
)
from botocore.history import get_global_history_recorder
from botocore.parsers import ResponseParser
from urllib3 import PoolManager
from urllib3.connection import HTTPConnection

_POOL = ("ConnectionCls", "urlopen", "_make_request", "_get_conn")
_CONNECTION = ("request", "putrequest", "putheader", "endheaders", "send", "getresponse")
_CLIENT = ("_make_api_call", "_make_request", "_emit_api_params", "_convert_to_request_dict")
_ENDPOINT = (
    "make_request",
    "create_request",
    "prepare_request",
    "_send_request",
    "_get_response",
    "_do_get_response",
    "_send",
)
#: Functions that other code wraps to observe calls, apart from the methods in `_objects`.
_WRAPPED: dict[type, tuple[str, ...]] = {
    SigV4Auth: ("add_auth",),
    ResponseParser: ("parse",),
    AWSHTTPConnectionPool: _POOL,
    AWSHTTPSConnectionPool: _POOL,
    AWSHTTPConnection: _CONNECTION,
    AWSHTTPSConnection: _CONNECTION,
    HTTPConnection: _CONNECTION,
    http.client.HTTPConnection: _CONNECTION,
    http.client.HTTPResponse: ("begin", "read"),
    PoolManager: ("connection_from_url",),
}
#: The packages that define these functions. A wrapper is defined elsewhere.
ORIGINAL = ["botocore.", "urllib3.", "http."]
#: The events of a call in botocore; their full names end with the operation.
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
#: Modules whose handlers do not observe calls. Stubber and the retry mode ``adaptive`` add others.
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
#: The loggers that log calls at DEBUG.
_LOGGERS = [
    logging.getLogger(name)
    for name in (
        "botocore.auth",
        "botocore.endpoint",
        "botocore.hooks",
        "botocore.parsers",
        "botocore.regions",
        "botocore.retries.standard",
        "urllib3.connectionpool",
    )
]


class Observers:
    """Checks whether a client's calls are observed.

    :param operations: the DynamoDB operations to check, by client method.
    """

    def __init__(self, client: Any, operations: Mapping[str, str]) -> None:
        self._client = client
        self._events = [
            f"{event}.dynamodb.{name}" for event in EVENTS for name in operations.values()
        ]
        events, endpoint = client.meta.events, client._endpoint
        #: The objects that the client's calls pass through, with the functions that may be wrapped.
        self._objects = [
            (client, {*_CLIENT}),
            (endpoint, {*_ENDPOINT}),
            (endpoint.http_session, {"send"}),
            (client._request_signer, {"handler", "sign"}),
            (events, {"emit"}),
            (events._emitter, {"emit", "_emit"}),
        ]
        places = [(owner, name) for owner, names in _WRAPPED.items() for name in names]
        places += [(type(obj), name) for obj, names in self._objects for name in sorted(names)]
        # New Relic wraps the methods when botocore creates the client's class.
        places += [(type(client), method) for method in operations]
        #: What to check: a class and a function's name. This version of botocore may lack some.
        self.places = [(owner, name) for owner, name in places if hasattr(owner, name)]
        self._owners, self._names = zip(*self.places, strict=True)
        self._originals: list[Any] = []
        #: botocore replaces this cache when a handler is registered or removed.
        self._handler_cache: Any = None
        self._http_session = endpoint.http_session
        self._recorder = get_global_history_recorder()

    def present(self) -> bool:
        """Return whether a call must go through boto3, because other code observes it."""
        return (
            _logged()
            or bool(http.client.HTTPConnection.debuglevel)
            or getattr(self._recorder, "_enabled", True)
            or self._wrapped()
            or self._handled()
        )

    def _wrapped(self) -> bool:
        """Return whether a function that makes the call has been replaced."""
        for obj, names in self._objects:
            if not names.isdisjoint(vars(obj)):
                return True
        if self._client._endpoint.http_session is not self._http_session:
            return True
        # Compare with `is`: a wrapper may claim to equal the function it wraps.
        if self._originals and all(
            map(is_, map(getattr, self._owners, self._names), self._originals)
        ):
            return False
        current = [getattr(owner, name) for owner, name in self.places]
        if not all(map(_is_original, current)):
            return True
        self._originals = current
        return False

    def _handled(self) -> bool:
        """Return whether other code has registered a handler for botocore's events."""
        try:
            emitter = self._client.meta.events._emitter
            cache = emitter._lookup_cache
            if cache is self._handler_cache:
                return False
            for event in self._events:
                if not all(map(_is_known, emitter._handlers.prefix_search(event))):
                    return True
        except AttributeError:
            return True  # an unknown version of botocore
        self._handler_cache = cache
        return False


def _logged() -> bool:
    # A loop is twice as fast as any() with a generator.
    for logger in _LOGGERS:  # noqa: SIM110
        if logger.isEnabledFor(logging.DEBUG):
            return True
    return False


def _is_original(value: Any) -> bool:
    if isinstance(value, type):
        module = value.__module__
    elif type(value) is FunctionType:
        # A wrapper may copy __module__, but not __globals__.
        module = value.__globals__.get("__name__", "")
    else:
        return False
    return module.startswith(tuple(ORIGINAL))


def _is_known(handler: Any) -> bool:
    # botocore registers this handler unless `endpoint_url` is set. It observes nothing.
    if handler is botocore.discovery.block_endpoint_discovery_required_operations:
        return True
    # A wrapper may copy __module__, but not __globals__.
    function = getattr(handler, "__func__", handler)
    return getattr(function, "__globals__", {}).get("__name__") in _MODULES
