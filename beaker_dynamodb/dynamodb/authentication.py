"""Decide which errors about credentials and signatures a second attempt can fix."""

from __future__ import annotations

import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from enum import Enum
from typing import Any


class Remedy(Enum):
    """How to fix a failed call."""

    FRESH_CREDENTIALS = "DynamoDB refused the credentials"
    FRESH_SIGNATURE = "the time of the signature is too far in the past or future"
    NEW_CREDENTIAL_SEARCH = "no credentials were found, or they could not be obtained"


#: By error code.
REMEDIES = {
    "ExpiredToken": Remedy.FRESH_CREDENTIALS,
    "ExpiredTokenException": Remedy.FRESH_CREDENTIALS,
    "InvalidAccessKeyId": Remedy.FRESH_CREDENTIALS,
    "InvalidClientTokenId": Remedy.FRESH_CREDENTIALS,
    # Unless its message is about the time.
    "InvalidSignatureException": Remedy.FRESH_CREDENTIALS,
    "SignatureDoesNotMatch": Remedy.FRESH_CREDENTIALS,
    "TokenRefreshRequired": Remedy.FRESH_CREDENTIALS,
    "UnrecognizedClientException": Remedy.FRESH_CREDENTIALS,
    "RequestExpired": Remedy.FRESH_SIGNATURE,
    "RequestInTheFuture": Remedy.FRESH_SIGNATURE,
    "RequestTimeTooSkewed": Remedy.FRESH_SIGNATURE,
}
_TIME_MESSAGES = ("Signature expired", "Signature not yet current")


def remedy(error: Exception) -> Remedy | None:
    """Return the remedy for a failed call, or None."""
    from botocore.exceptions import ClientError, CredentialRetrievalError, NoCredentialsError

    if isinstance(error, ClientError):
        return remedy_of_response(error.response)
    if isinstance(error, (NoCredentialsError, CredentialRetrievalError)):
        return Remedy.NEW_CREDENTIAL_SEARCH
    return None


def remedy_of_response(response: Mapping[str, Any]) -> Remedy | None:
    """Return the remedy for an error response, or None."""
    code = response.get("Error", {}).get("Code", "")
    message = response.get("Error", {}).get("Message", "")
    if code == "InvalidSignatureException" and message.startswith(_TIME_MESSAGES):
        return Remedy.FRESH_SIGNATURE
    return REMEDIES.get(code)


def clock_difference(response: Mapping[str, Any]) -> str:
    """Describe how far this host's clock is from the server's, after an error about a signature."""
    date = response.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
    try:
        seconds = round(time.time() - parsedate_to_datetime(date).timestamp())
    except (TypeError, ValueError):
        return "this host's clock differs from the server's"
    return (
        f"this host's clock is {abs(seconds)} seconds "
        f"{'behind' if seconds < 0 else 'ahead of'} the server's"
    )
