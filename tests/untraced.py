"""Run moto and parts of botocore without coverage's tracer.

Coverage does not measure them, but its tracer is called for each of their lines, which makes them
two to three times slower.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def untraced(function: Callable[P, T]) -> Callable[P, T]:
    """Return a function that runs without the tracer; tracing resumes in its caller.

    :param function: must not call the package.
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
            # Coverage's tracer reinstalls itself at the next call. It has counted the call of this
            # function, so it must be back before this function returns.
            _call()

    return run


def _call() -> None:
    pass


def exclude_moto_and_botocore() -> None:
    """Exclude moto's responses, and the parts of botocore that call no hook of this package."""
    from boto3.session import Session as BotoSession
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
    ]
    for owner, name in places:
        setattr(owner, name, untraced(getattr(owner, name)))
