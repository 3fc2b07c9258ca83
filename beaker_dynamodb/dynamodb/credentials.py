"""Remember a failed credential refresh for a second, and hide the helper's output.

botocore refreshes credentials in one thread at a time, so waiting threads would repeat a failed
refresh one after another. The output of a helper such as ``credential_process`` may contain
secrets, and botocore puts it into exceptions and its log.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError, CredentialRetrievalError

from beaker_dynamodb.dynamodb.shared_attempt import REMEMBER_SECONDS, Pause


def guard_refresh(credentials: Any, clock: Callable[[], float]) -> None:
    """Make credentials re-raise the error of a failed refresh for `REMEMBER_SECONDS`.

    :param credentials: botocore's credentials, or None. Those that never expire are not changed.
    :param clock: epoch seconds.
    """
    refresh = getattr(credentials, "_refresh_using", None)
    if refresh is None:
        return
    error: Exception | None = None
    remembered = Pause()

    def refresh_or_raise_again() -> Any:
        # botocore calls this under a lock.
        nonlocal error
        if error is None or not remembered.is_active(clock()):
            error = None
            try:
                return refresh()
            except ClientError as caught:  # a response from STS, which contains no secrets
                error = caught
            except Exception as caught:
                error = CredentialRetrievalError(
                    provider=credentials.method, error_msg=type(caught).__name__
                )
            remembered.begin(clock(), REMEMBER_SECONDS)
        # Raised outside the `except` block, so that no traceback shows the helper's error.
        raise copy.copy(error)

    credentials._refresh_using = refresh_or_raise_again
