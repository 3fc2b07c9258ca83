"""Messages about calls without an answer, missing tables and wrong clocks."""

from __future__ import annotations

import calendar
import socket
import time
from typing import Any

import pytest
from botocore import exceptions
from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError

from beaker_dynamodb import ConfigurationError, DynamoDBNamespaceManager, StoreUnavailable
from beaker_dynamodb.dynamodb.authentication import Remedy, clock_difference, remedy_of_response
from beaker_dynamodb.dynamodb.error_mapping import translate
from beaker_dynamodb.dynamodb.unanswered import explain
from tests.dynamodb.fake_server import FakeServer, plain_client, refusal, warm
from tests.stubbed import TABLE, Script, offline_client

AWS = "https://dynamodb.af-south-1.amazonaws.com/"  # no other test has answers of it
LOCAL = "http://127.0.0.1:8000/"


def refused(url: str) -> Exception:
    return behind(exceptions.EndpointConnectionError(endpoint_url=url), ConnectionRefusedError())


def unknown_name(url: str) -> Exception:
    error = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    return behind(exceptions.EndpointConnectionError(endpoint_url=url), error)


def behind(error: Exception, root: OSError) -> Exception:
    error.__context__ = RuntimeError("a layer of urllib3")
    error.__context__.__cause__ = root
    return error


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (refused(LOCAL), "127.0.0.1:8000: connection refused. Is it running?"),
        (refused("http://localhost:8000"), "localhost:8000: connection refused. Is it running?"),
        (refused(AWS), "amazonaws.com:443: connection refused. Check endpoint_url and the fire"),
        (unknown_name(AWS), "Check the DNS resolver and the network of this machine"),
        (
            unknown_name("https://dynamodb.eu-wset-1.amazonaws.com"),
            "host name does not exist. Check region_name ('eu-wset-1'; did you mean 'eu-west-1'?)",
        ),
        (unknown_name("https://123.ddb.nowhere.amazonaws.com"), "DNS fails. Check endpoint_url"),
        (
            unknown_name("https://dynamodb.cn-nroth-1.amazonaws.com.cn"),
            "('cn-nroth-1'; did you mean 'cn-north-1'?)",
        ),
        (unknown_name("http://dynamo.lan"), "dynamo.lan:80: the host name does not exist, or"),
        (
            behind(exceptions.EndpointConnectionError(endpoint_url=AWS), OSError(101, "no route")),
            "(OSError: no route). Check region_name and the network",
        ),
        (exceptions.ConnectTimeoutError(endpoint_url=AWS), "timed out. Check region_name, the sec"),
        (exceptions.ReadTimeoutError(endpoint_url=AWS), "did not answer within read_timeout"),
        (exceptions.ConnectionClosedError(endpoint_url=AWS), "closed the connection without an an"),
        (exceptions.SSLError(endpoint_url=AWS, error=OSError()), "TLS failed. Check endpoint_url"),
        (exceptions.ProxyConnectionError(proxy_url="http://u:p@h"), "Check HTTPS_PROXY"),
        (
            ClientError({"Error": {"Code": "InternalServerError"}}, "GetItem"),
            "it returns only errors (InternalServerError)",
        ),
        (ResponseParserError("half"), "the answer cannot be read"),
        (exceptions.BotoCoreError(), "no answer (BotoCoreError)"),
        (
            exceptions.TokenRetrievalError(provider="sso", error_msg="expired"),
            "credentials could not be obtained (TokenRetrievalError)",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_a_message_says_what_happened_and_what_to_check(error: Exception, message: str) -> None:
    assert message in explain(error)


def test_missing_credentials_are_not_a_network_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "shop")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/etc/aws")
    monkeypatch.delenv("AWS_SHARED_CREDENTIALS_FILE")
    message = explain(exceptions.NoCredentialsError())
    assert "the profile 'shop' in ~/.aws/credentials and /etc/aws" in message
    assert "network" not in message


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("ExpiredTokenException", "the AWS credentials have expired. no"),
        ("UnrecognizedClientException", "AWS does not know the access key or the session token"),
        ("InvalidSignatureException", "the AWS secret access key is wrong"),
    ],
)
def test_refused_credentials_are_reported_as_such(code: str, message: str) -> None:
    response: Any = {"Error": {"Code": code, "Message": "no"}}
    error = translate(ClientError(response, "GetItem"), "GetItem", TABLE)
    assert message in str(error)
    assert code in str(error)


def test_the_one_cause_of_an_error_is_the_operating_systems() -> None:
    manager = DynamoDBNamespaceManager("pages", client=offline_client())
    with pytest.raises(StoreUnavailable, match=r"127\.0\.0\.1:1: connection refused") as caught:
        manager["session"]
    cause = caught.value.__cause__
    assert isinstance(cause, ConnectionRefusedError)
    assert cause.__cause__ is None
    assert cause.__suppress_context__


def test_a_missing_table_names_the_command_that_creates_it() -> None:
    script = Script().refuse("get_item", "ResourceNotFoundException")
    script.refuse("describe_table", "ResourceNotFoundException")
    with script, pytest.raises(ConfigurationError) as caught:
        script.manager(create_table=False, special_keys="userId:S:index", hash_key="pk")["session"]
    assert (
        "create it with: beaker-dynamodb create-table --table-name sessions --region-name eu-west-1"
        " --hash-key pk --special-keys userId:S:index (extra cli), or: aws dynamodb create-table"
    ) in str(caught.value)
    assert TABLE == caught.value.table


#: AWS's messages. The signature was made at noon, ten minutes off.
EXPIRED = (
    "Signature expired: 20261126T120000Z is now earlier than 20261126T120500Z "
    "(20261126T121000Z - 5 min.)"
)
NOT_YET = (
    "Signature not yet current: 20261126T120000Z is still later than 20261126T115500Z "
    "(20261126T115000Z + 5 min.)"
)
NOON = calendar.timegm((2026, 11, 26, 12, 0, 0))


@pytest.fixture(params=["lean", "own client"])
def manager(request: pytest.FixtureRequest, server: FakeServer) -> DynamoDBNamespaceManager:
    if request.param == "lean":
        return warm(server, transport="lean")
    return DynamoDBNamespaceManager("n", client=plain_client(server.url))


@pytest.mark.parametrize(
    "error", [("InvalidSignatureException", EXPIRED), ("RequestTimeTooSkewed", "")]
)
def test_a_request_with_an_old_signature_is_signed_again(
    server: FakeServer,
    manager: DynamoDBNamespaceManager,
    monkeypatch: pytest.MonkeyPatch,
    error: tuple[str, str],
) -> None:
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 5 * len(server.requests))
    server.faults.append(refusal(*error))
    assert "value" == manager[b"k"]
    assert 2 == len(server.requests)
    if manager.backend.options.transport == "lean":  # botocore does not use time.time
        assert 2 == len({request.headers["x-amz-date"] for request in server.requests})


@pytest.mark.parametrize(
    ("message", "date", "difference"),
    [
        (EXPIRED, NOON + 612, "this host's clock is 612 seconds behind the server's"),
        (NOT_YET, NOON - 599, "this host's clock is 599 seconds ahead of the server's"),
        ("The request signature we calculated does not match", NOON, ""),
    ],
)
def test_a_wrong_clock_is_reported(
    server: FakeServer,
    manager: DynamoDBNamespaceManager,
    monkeypatch: pytest.MonkeyPatch,
    message: str,
    date: float,
    difference: str,
) -> None:
    monkeypatch.setattr(time, "time", lambda: NOON)
    server.faults += [refusal("InvalidSignatureException", message)] * 3
    server.date = date
    with pytest.raises(StoreUnavailable) as caught:
        manager[b"k"]
    assert difference in str(caught.value)
    assert bool(difference) is ("clock" in str(caught.value))
    assert message in str(caught.value)
    assert "InvalidSignatureException" == caught.value.aws_code
    assert (2 if difference else 1) == len(server.requests)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (("InvalidSignatureException", EXPIRED), Remedy.FRESH_SIGNATURE),
        (("InvalidSignatureException", NOT_YET), Remedy.FRESH_SIGNATURE),
        (("RequestExpired", "Request has expired."), Remedy.FRESH_SIGNATURE),
        (("InvalidSignatureException", "does not match"), Remedy.FRESH_CREDENTIALS),
        (("SignatureDoesNotMatch", "no"), Remedy.FRESH_CREDENTIALS),
        (("InvalidClientTokenId", "no"), Remedy.FRESH_CREDENTIALS),
        (("ExpiredToken", "no"), Remedy.FRESH_CREDENTIALS),
        (("ThrottlingException", "no"), None),
    ],
)
def test_remedies(error: tuple[str, str], expected: Remedy | None) -> None:
    code, message = error
    assert expected is remedy_of_response({"Error": {"Code": code, "Message": message}})


@pytest.mark.parametrize("headers", [{}, {"date": "yesterday"}])
def test_the_clock_difference_without_a_usable_date(headers: dict[str, str]) -> None:
    response = {"ResponseMetadata": {"HTTPHeaders": headers}}
    assert "this host's clock differs from the server's" == clock_difference(response)
