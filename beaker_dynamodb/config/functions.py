"""Options that are functions, or the names of functions."""

from __future__ import annotations

import pkgutil
import re
from collections.abc import Callable
from typing import Any

from beaker_dynamodb.exceptions import ConfigurationError

_NAME = r"\w+(\.\w+)*:\w+(\.\w+)*"


def function(value: object) -> Callable[..., Any] | str:
    """Accept a callable, or its name as ``module:name``.

    The module is not imported yet: the command may run where the application is not installed.
    """
    if isinstance(value, str) and re.fullmatch(_NAME, value.strip()):
        return value.strip()
    if isinstance(value, str) or not callable(value):
        raise ValueError("must be a callable or module:name")
    return value


def import_function(option: str, value: Callable[..., Any] | str) -> Callable[..., Any]:
    """Return an option's function; import it if the option names it.

    :param option: the option's name, for error messages.
    :raises ConfigurationError: the function cannot be imported, or is not callable.
    """
    if not isinstance(value, str):
        return value
    try:
        found: object = pkgutil.resolve_name(value)
    except Exception as error:
        # The module's own code runs, and may raise anything.
        raise ConfigurationError(
            f"option {option} {value!r} cannot be imported: {type(error).__name__}: {error}. Write "
            "module:name, and start the program where the module is installed"
        ) from error
    if not callable(found):
        raise ConfigurationError(
            f"option {option} {value!r} is not callable. Name a function, as module:name"
        )
    return found
