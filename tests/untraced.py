"""Other people's code, run without coverage's tracer: what is not measured, but takes the time.

The tracer is called for every line of every file; moto and botocore take two to three times as
long with it, and an answer of moto's is a thousand lines and more.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def untraced(function: Callable[P, T]) -> Callable[P, T]:
    """Make a function during which nothing is measured; its caller goes on being so.

    :param function: one that calls nothing of the package.
    """

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        tracer = sys.gettrace()
        if tracer is None:
            return function(*args, **kwargs)
        sys.settrace(None)
        try:
            return function(*args, **kwargs)
        finally:
            sys.settrace(tracer)
            # Coverage's tracer, given back to Python so, gets into its old place at the next call.
            # There it has to be when this function returns, whose call it has counted.
            _call()

    return run


def _call() -> None:
    pass


def leave_out_servers_and_protocol() -> None:
    """Trace neither moto's answers nor what botocore does by itself; it calls no hook in these."""
    from boto3.session import Session as BotoSession
    from botocore.auth import SigV4Auth
    from botocore.httpsession import URLLib3Session
    from botocore.parsers import ResponseParser
    from botocore.regions import EndpointRulesetResolver
    from botocore.serialize import JSONSerializer
    from botocore.session import Session
    from botocore.validate import ParamValidationDecorator
    from flask import Flask
    from moto.core.botocore_stubber import BotocoreStubber

    places: list[tuple[type, str]] = [
        (Flask, "wsgi_app"),  # of the embedded server
        (BotocoreStubber, "__call__"),  # of `mock_aws`
        (BotoSession, "client"),
        (Session, "create_client"),
        (EndpointRulesetResolver, "construct_endpoint"),
        (ParamValidationDecorator, "serialize_to_request"),
        (JSONSerializer, "serialize_to_request"),
        (SigV4Auth, "add_auth"),
        (URLLib3Session, "send"),
        (ResponseParser, "parse"),
    ]
    for owner, name in places:
        setattr(owner, name, untraced(getattr(owner, name)))
