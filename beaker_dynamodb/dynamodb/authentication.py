"""What AWS says about credentials and signatures, and which errors a second try can cure."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from enum import Enum
from typing import Any


class Remedy(Enum):
    """What can cure a failed call."""

    #: The credentials are no longer accepted.
    FRESH_CREDENTIALS = "fresh credentials"
    #: The signature is too old, or its time is in the future.
    FRESH_SIGNATURE = "a fresh signature"
    #: There are no credentials, or they could not be obtained.
    LATER_CREDENTIALS = "credentials that appear later"


_CREDENTIALS_REFUSED = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "SignatureDoesNotMatch",
        "TokenRefreshRequired",
        "UnrecognizedClientException",
    }
)
_SIGNATURE_TIME = frozenset({"RequestExpired", "RequestInTheFuture", "RequestTimeTooSkewed"})
#: One code for two causes: the time of the signature, or the key that it was made with.
_INVALID_SIGNATURE = "InvalidSignatureException"
_TIME_MESSAGES = ("Signature expired", "Signature not yet current")
#: The time of the signature, and the server's.
_TIMES = re.compile(r"(\d{8}T\d{6}Z) is [a-z ]+ than \d{8}T\d{6}Z \((\d{8}T\d{6}Z) [+-]")


def remedy(error: Exception) -> Remedy | None:
    """Return what can cure a failed call, or None if nothing is known to."""
    from botocore.exceptions import ClientError, CredentialRetrievalError, NoCredentialsError

    if isinstance(error, ClientError):
        return remedy_of_answer(error.response)
    if isinstance(error, (NoCredentialsError, CredentialRetrievalError)):
        return Remedy.LATER_CREDENTIALS
    return None


def remedy_of_answer(answer: Mapping[str, Any]) -> Remedy | None:
    """Return what can cure an error of AWS's, or None if nothing is known to.

    :param answer: as in ``ClientError.response``.
    """
    code = answer.get("Error", {}).get("Code", "")
    message = answer.get("Error", {}).get("Message", "")
    if code in _CREDENTIALS_REFUSED:
        return Remedy.FRESH_CREDENTIALS
    if code in _SIGNATURE_TIME:
        return Remedy.FRESH_SIGNATURE
    if code == _INVALID_SIGNATURE:
        timed = message.startswith(_TIME_MESSAGES)
        return Remedy.FRESH_SIGNATURE if timed else Remedy.FRESH_CREDENTIALS
    return None


def clock_difference(answer: Mapping[str, Any]) -> str:
    """Say how far this host's clock is from the server's, as an answer tells it.

    :param answer: a refusal of a signature's time, as in ``ClientError.response``.
    """
    times = _TIMES.search(answer.get("Error", {}).get("Message", ""))
    host = _epoch_seconds(times[1]) if times else time.time()
    date = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
    try:
        server = parsedate_to_datetime(date).timestamp()
    except (TypeError, ValueError):
        if times is None:
            return "this host's clock differs from the server's"
        server = _epoch_seconds(times[2])
    seconds = round(host - server)
    return (
        f"this host's clock is {abs(seconds)} seconds "
        f"{'behind' if seconds < 0 else 'ahead of'} the server's"
    )


def _epoch_seconds(stamp: str) -> float:
    return datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=timezone.utc).timestamp()
