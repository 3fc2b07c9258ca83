"""Credentials that expire: a failed refresh is remembered, and shows nothing of a helper's output.

botocore refreshes them, in one thread at a time. What a helper such as ``credential_process``
prints may hold secrets; botocore puts it into its exceptions and into its log.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError, CredentialRetrievalError

from beaker_dynamodb.dynamodb.shared_attempt import REMEMBER_SECONDS, Pause


def guard_refresh(credentials: Any, clock: Callable[[], float]) -> None:
    """Have credentials remember for `REMEMBER_SECONDS` that they could not be refreshed.

    :param credentials: botocore's; None, or some that never expire, are left as they are.
    :param clock: epoch seconds.
    """
    refresh = getattr(credentials, "_refresh_using", None)
    if refresh is not None:
        credentials._refresh_using = _Refresh(refresh, credentials.method, clock)


class _Refresh:
    """The function that botocore calls, under its lock, for fresh credentials."""

    def __init__(self, refresh: Callable[[], Any], method: str, clock: Callable[[], float]) -> None:
        self._refresh, self._method, self._clock = refresh, method, clock
        self._error: Exception | None = None
        self._remembered = Pause()

    def __call__(self) -> Any:
        if self._error is None or not self._remembered.lasts(self._clock()):
            self._error = None
            try:
                return self._refresh()
            except ClientError as error:  # an answer of STS, which says why
                self._error = error
            except Exception as error:
                self._error = CredentialRetrievalError(
                    provider=self._method, error_msg=type(error).__name__
                )
            self._remembered.begin(self._clock(), REMEMBER_SECONDS)
        # Outside of the `except` block, so that no traceback leads to the helper's own error.
        raise copy.copy(self._error)
