"""What is done at botocore's hooks: no answer is taken that is not whole, and work is saved.

The hooks are botocore's events, which are there for that. All clients get `guard`, also one that
the application brings; `save_work` is for those that are made here.
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

#: The Region to sign for, in the context of a request that is signed here.
_REGION = "beaker_dynamodb.region"
#: A member of what was parsed: the answer is not JSON.
_UNREADABLE = "beaker_dynamodb.unreadable"


def guard(client: DynamoDBClient) -> None:
    """Have a client refuse damaged answers, as `refuse_damaged` does."""
    # The unique id: the user's client may serve several configurations.
    events, name = client.meta.events, "beaker_dynamodb"
    events.register("after-call.dynamodb", refuse_damaged, unique_id=name)


def refuse_damaged(http_response: Any, parsed: dict[str, Any], model: Any, **_: Any) -> None:
    """Raise for an answer that has not come whole, or is not DynamoDB's.

    botocore notices a wrong checksum, tries again, and at last takes what it has: an answer
    without an item, which for a session means "log in again".
    """
    if http_response.raw is None:
        return  # botocore's Stubber
    if model.output_shape is None:
        return  # as of TagResource: its answer is empty (AWS API reference)
    content = http_response.content
    told = http_response.headers.get("x-amz-crc32")
    if told is not None and (found := str(zlib.crc32(content))) != told:
        from botocore.exceptions import ChecksumError

        raise ChecksumError(checksum_type="crc32", expected_checksum=told, actual_checksum=found)
    whole = content.startswith(b"{") and content.rstrip().endswith(b"}")
    if not whole or _UNREADABLE in parsed:
        from botocore.parsers import ResponseParserError

        raise ResponseParserError("not an answer of DynamoDB's")


def save_work(client: DynamoDBClient, credentials: Credentials | None) -> None:
    """Have a client sign its requests, and read plain answers, at a sixth less processor time.

    Retries, errors, connections and renewal of credentials stay botocore's, and so does whatever
    is not signed with version 4 or goes to an address with a path.

    :param credentials: what it signs with; None: none were found, which botocore has to say.
    """
    if credentials is None:
        return
    signer, events = _Signer(credentials), client.meta.events
    events.register("choose-signer.dynamodb", signer.choose)
    events.register("before-sign.dynamodb", signer.sign)
    for operation in ("GetItem", "PutItem", "DeleteItem"):
        events.register(f"before-parse.dynamodb.{operation}", read_answer)


class _Signer:
    """Takes the place of botocore's signer, which derives the day's key for each request."""

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
        """Tell botocore to leave a request unsigned, if it is one for `sign`."""
        if signature_version != "v4" or signing_name != "dynamodb":
            return None
        context[_REGION] = region_name
        return self._unsigned

    def sign(self, request: AWSRequest, **_: Any) -> None:
        """Sign a request: what AWS asks for, the type of the content, and all of ``x-amz-``."""
        region = request.context.get(_REGION)
        if region is None:
            return
        # Renewed first, if it is time.
        frozen: Any = self._credentials.get_frozen_credentials()
        address = wire.host(str(request.url))
        if address is None:
            from botocore.auth import SigV4Auth

            SigV4Auth(frozen, "dynamodb", region).add_auth(request)
            return
        headers: Any = request.headers
        headers["X-Amz-Date"] = wire.date(time.time())
        if frozen.token:
            headers["X-Amz-Security-Token"] = frozen.token
        signed = {"host": address}
        for name, value in headers.items():
            lower = name.lower()
            if lower == "content-type" or lower.startswith("x-amz-"):
                signed[lower] = " ".join(value.split())
        body: Any = request.data
        signed = dict(sorted(signed.items()))
        headers["Authorization"] = wire.authorization(signed, body, frozen, region)


def read_answer(
    response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: Any
) -> None:
    """Read a plain answer in the place of botocore, which walks through its shapes for that.

    And which takes what is no JSON for an answer without an item. That is marked, for
    `refuse_damaged`, and not raised at once: botocore tries again first if the checksum is wrong.
    """
    if response_dict["status_code"] != 200:
        return
    try:
        parsed = wire.loads(response_dict["body"])
    except ValueError:
        parsed = None
    customized_response_dict.update(parsed if isinstance(parsed, dict) else {_UNREADABLE: True})
    response_dict["body"] = b"{}"
