"""Convert options that are functions."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from typing import Any


def function(value: Any) -> Callable[..., Any]:
    """Accept a callable, or its name as ``module:name``, which is imported."""
    if isinstance(value, str):
        module, colon, name = value.strip().partition(":")
        if not (module and colon and name):
            raise ValueError("must be a callable or module:name")
        try:
            value = pkgutil.resolve_name(f"{module}:{name}")
        except (ImportError, AttributeError) as error:
            raise ValueError(f"cannot be imported: {error}") from error
    if not callable(value):
        raise ValueError("must be a callable or module:name")
    found: Callable[..., Any] = value
    return found
