"""The signature that botocore makes for a request."""

from __future__ import annotations

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.dynamodb.fake_server import OFFLINE, Request


def signed_headers(request: Request) -> list[str]:
    return request.headers["authorization"].split("SignedHeaders=")[1].split(",")[0].split(";")


def expected_signature(request: Request, url: str, token: str | None = None) -> str:
    """Return botocore's signature for the same headers, body and time."""
    expected = AWSRequest("POST", url + request.path, data=request.body)
    for name in signed_headers(request):
        if name != "host":  # botocore adds it
            expected.headers[name] = request.headers[name]
    expected.context["timestamp"] = request.headers["x-amz-date"]
    credentials = Credentials(OFFLINE["aws_access_key_id"], OFFLINE["aws_secret_access_key"], token)
    auth = SigV4Auth(credentials, "dynamodb", "eu-west-1")
    canonical = auth.canonical_request(expected)
    return str(auth.signature(auth.string_to_sign(expected, canonical), expected))
