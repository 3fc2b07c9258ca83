"""Handlers for botocore's events: reject damaged responses, and sign and parse faster.

`guard` is applied to all clients, including the application's own; `speed_up` only to clients that
this package creates.
"""

from __future__ import annotations

import time
import zlib
from typing import TYPE_CHECKING, Any

from beaker_dynamodb.dynamodb import wire

if TYPE_CHECKING:
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials
    from types_boto3_dynamodb import DynamoDBClient

#: The key, in a request's context, of the Region to sign for.
_REGION = "beaker_dynamodb.region"
#: Marks a parsed response whose body is not JSON.
_UNREADABLE = "beaker_dynamodb.unreadable"


def guard(client: DynamoDBClient) -> None:
    """Make a client reject damaged responses."""
    # Registers once, even if several configurations share the application's client.
    events, name = client.meta.events, "beaker_dynamodb"
    events.register("after-call.dynamodb", refuse_damaged, unique_id=name)


def refuse_damaged(http_response: Any, parsed: dict[str, Any], model: Any, **_: Any) -> None:
    """Raise for a response that is incomplete or not from DynamoDB.

    botocore retries after a wrong checksum, but accepts the last response. It would look like a
    missing item, which for a session means "log in again".
    """
    if http_response.raw is None:
        return  # botocore's Stubber
    if model.output_shape is None:
        return  # an empty response, for instance of TagResource (AWS API reference)
    content = http_response.content
    expected = http_response.headers.get("x-amz-crc32")
    if expected is not None and (actual := str(zlib.crc32(content))) != expected:
        from botocore.exceptions import ChecksumError

        raise ChecksumError(
            checksum_type="crc32", expected_checksum=expected, actual_checksum=actual
        )
    complete = content.startswith(b"{") and content.rstrip().endswith(b"}")
    if not complete or _UNREADABLE in parsed:
        from botocore.parsers import ResponseParserError

        raise ResponseParserError("not a response of DynamoDB")


def speed_up(client: DynamoDBClient, credentials: Credentials | None) -> None:
    """Make a client use a sixth less CPU time for signing requests and parsing plain responses.

    Everything else is left to botocore: retries, errors, connections, renewal of credentials, and
    the signing of requests with another signature version or a path in the URL.

    :param credentials: the client's credentials. If None, botocore raises NoCredentialsError.
    """
    if credentials is None:
        return
    signer, events = _Signer(credentials), client.meta.events
    events.register("choose-signer.dynamodb", signer.choose)
    events.register("before-sign.dynamodb", signer.sign)
    for operation in ("GetItem", "PutItem", "DeleteItem"):
        events.register(f"before-parse.dynamodb.{operation}", parse_response)


class _Signer:
    """Replaces botocore's signer, which derives the day's signing key for every request."""

    def __init__(self, credentials: Credentials) -> None:
        from botocore import UNSIGNED

        self._credentials, self._unsigned = credentials, UNSIGNED

    def choose(
        self,
        signing_name: str,
        region_name: str,
        signature_version: Any,
        context: dict[str, Any],
        **_: Any,
    ) -> Any:
        """Prevent botocore from signing a request that `sign` will sign."""
        if signature_version != "v4" or signing_name != "dynamodb":
            return None
        context[_REGION] = region_name
        return self._unsigned

    def sign(self, request: AWSRequest, **_: Any) -> None:
        """Sign a request: host, content type and all ``x-amz-`` headers."""
        region = request.context.get(_REGION)
        if region is None:
            return
        # Renews the credentials if necessary.
        frozen: Any = self._credentials.get_frozen_credentials()
        host = wire.host(str(request.url))
        if host is None:
            from botocore.auth import SigV4Auth

            SigV4Auth(frozen, "dynamodb", region).add_auth(request)
            return
        headers: Any = request.headers
        headers["X-Amz-Date"] = wire.date(time.time())
        if frozen.token:
            headers["X-Amz-Security-Token"] = frozen.token
        signed = {"host": host}
        for name, value in headers.items():
            lower = name.lower()
            if lower == "content-type" or lower.startswith("x-amz-"):
                signed[lower] = " ".join(value.split())
        body: Any = request.data
        signed = dict(sorted(signed.items()))
        headers["Authorization"] = wire.authorization(signed, body, frozen, region)


def parse_response(
    response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: Any
) -> None:
    """Parse a plain response without botocore's slower, schema-driven parser.

    botocore treats a body that is not JSON as a response without an item. Mark it for
    `refuse_damaged`, and do not raise yet: botocore can still retry after a wrong checksum.
    """
    if response_dict["status_code"] != 200:
        return
    try:
        parsed = wire.loads(response_dict["body"])
    except ValueError:
        parsed = None
    customized_response_dict.update(parsed if isinstance(parsed, dict) else {_UNREADABLE: True})
    response_dict["body"] = b"{}"
