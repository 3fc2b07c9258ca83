"""Remember a failed credential refresh for a second, and hide the helper's output.

botocore refreshes expiring credentials in one thread at a time. The output of a helper such as
``credential_process`` may contain secrets, and botocore puts it into exceptions and its log.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError, CredentialRetrievalError

from beaker_dynamodb.dynamodb.shared_attempt import REMEMBER_SECONDS, Pause


def guard_refresh(credentials: Any, clock: Callable[[], float]) -> None:
    """Make credentials re-raise the error of a failed refresh for `REMEMBER_SECONDS`.

    :param credentials: botocore's credentials or None. Those that do not expire are not changed.
    :param clock: epoch seconds.
    """
    refresh = getattr(credentials, "_refresh_using", None)
    if refresh is not None:
        credentials._refresh_using = _Refresh(refresh, credentials.method, clock)


class _Refresh:
    """Callable that botocore calls under a lock to get fresh credentials."""

    def __init__(self, refresh: Callable[[], Any], method: str, clock: Callable[[], float]) -> None:
        self._refresh = refresh
        self._method = method
        self._clock = clock
        self._error: Exception | None = None
        self._remembered = Pause()

    def __call__(self) -> Any:
        if self._error is None or not self._remembered.is_active(self._clock()):
            self._error = None
            try:
                return self._refresh()
            except ClientError as error:  # an error response from STS, which contains no secrets
                self._error = error
            except Exception as error:
                self._error = CredentialRetrievalError(
                    provider=self._method, error_msg=type(error).__name__
                )
            self._remembered.begin(self._clock(), REMEMBER_SECONDS)
        # Raised outside of the `except` block, so that no traceback shows the helper's error.
        raise copy.copy(self._error)
