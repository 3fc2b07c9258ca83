"""Requests to the embedded DynamoDB without HTTP, which takes most of their time."""

from __future__ import annotations

from typing import Any

from botocore.awsrequest import AWSResponse
from botocore.httpsession import URLLib3Session
from moto.core.botocore_stubber import MockRawResponse
from moto.core.request import normalize_request
from moto.dynamodb.responses import DynamoHandler
from werkzeug.exceptions import HTTPException

from beaker_dynamodb.testing._moto import TABLES
from tests.untraced import untraced


def answer_directly(url: str) -> None:
    """Make moto answer botocore's requests to this address in the calling thread.

    Other clients, such as other processes, use the server at the address, and the same tables.
    """
    real: Any = URLLib3Session.send

    def send(session: URLLib3Session, request: Any) -> AWSResponse:
        if not request.url.startswith(url):
            response: AWSResponse = real(session, request)
            return response
        normalized = normalize_request(request)
        with TABLES:
            try:
                status, headers, body = DynamoHandler.dispatch(
                    normalized, normalized.raw_url, normalized.headers
                )
            except HTTPException as error:
                status, headers, body = error.code, error.get_headers(), error.get_body()
        return AWSResponse(request.url, status, headers, MockRawResponse(body))

    setattr(URLLib3Session, "send", untraced(send))  # noqa: B010
