"""Decide which errors about credentials and signatures a retry can fix."""

from __future__ import annotations

import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from enum import Enum
from typing import Any


class Remedy(Enum):
    """How to fix a failed call. The values say what went wrong."""

    FRESH_CREDENTIALS = "DynamoDB refused the credentials"
    FRESH_SIGNATURE = "the time of the signature is too far in the past or future"
    NEW_CREDENTIAL_SEARCH = "no credentials were found, or they could not be obtained"


#: What is wrong with refused credentials, by error code.
REFUSED_CREDENTIALS = {
    "ExpiredToken": "the AWS credentials have expired",
    "ExpiredTokenException": "the AWS credentials have expired",
    "InvalidAccessKeyId": "AWS does not know the access key",
    "InvalidClientTokenId": "AWS does not know the access key or the session token",
    # DynamoDB returns the same code if the clock is wrong: see _TIME_MESSAGES.
    "InvalidSignatureException": "the AWS secret access key is wrong",
    "MissingAuthenticationToken": "the request was not signed",
    "MissingAuthenticationTokenException": "the request was not signed",
    "SignatureDoesNotMatch": "the AWS secret access key is wrong",
    "TokenRefreshRequired": "the AWS credentials have expired",
    "UnrecognizedClientException": "AWS does not know the access key or the session token",
}
WRONG_TIME = ("RequestExpired", "RequestInTheFuture", "RequestTimeTooSkewed")
_TIME_MESSAGES = ("Signature expired", "Signature not yet current")


def remedy(error: Exception) -> Remedy | None:
    """Return the remedy for a failed call, or None if a retry cannot help."""
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
    bad_signature = code == "InvalidSignatureException"
    if code in WRONG_TIME or (bad_signature and message.startswith(_TIME_MESSAGES)):
        return Remedy.FRESH_SIGNATURE
    return Remedy.FRESH_CREDENTIALS if code in REFUSED_CREDENTIALS else None


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
