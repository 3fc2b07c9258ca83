"""`transport = lean`: its requests are signed as botocore's are, and botocore is behind it."""

from __future__ import annotations

import calendar
import json
import ssl
import threading
import time
import zlib
from base64 import b64encode
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials, ReadOnlyCredentials
from hypothesis import given
from hypothesis import strategies as st
from moto.moto_server.threaded_moto_server import ThreadedMotoServer

from beaker_dynamodb import DynamoDBNamespaceManager, StoreUnavailable
from beaker_dynamodb.dynamodb import client as clients
from beaker_dynamodb.dynamodb.lean import Route
from tests.unit.lean_server import LeanServer
from tests.unit.test_client import OFFLINE

LEAN = {**OFFLINE, "transport": "lean", "table_name": "lean"}
ITEM = {
    "id": {"S": "cache:n|k"},
    "type": {"S": "beaker-cache"},
    "codec": {"S": "pickle"},
    "created": {"N": "1.5"},
    "data": {"B": b64encode(b"\x80\x05\x8c\x05value\x94.").decode()},
}


@pytest.fixture(autouse=True)
def _own_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients._clients, "_value", {})


@pytest.fixture
def server() -> Iterator[LeanServer]:
    """A server whose answers the test chooses."""
    with LeanServer({"Item": ITEM}) as server:
        yield server


def manager(server: LeanServer, **options: Any) -> DynamoDBNamespaceManager:
    """Open a cache over the server."""
    return DynamoDBNamespaceManager(
        "n", **{**LEAN, "endpoint_url": server.url, "max_attempts": 2, **options}
    )


def lean(server: LeanServer) -> list[bool]:
    """Tell of each request whether it came the short way: botocore's own counts its tries."""
    return ["amz-sdk-request" not in request.headers for request in server.requests]


# -- the request ------------------------------------------------------------------------------


@given(
    body=st.binary(max_size=300),
    secret_key=st.text("abcXYZ019+/=", min_size=1, max_size=60),
    token=st.none() | st.text("abcXYZ019+/=", min_size=1, max_size=300),
    host=st.sampled_from(["dynamodb.eu-west-1.amazonaws.com", "127.0.0.1:8000", "[::1]:8000"]),
)
def test_the_signature_is_botocore_s(
    body: bytes, secret_key: str, token: str | None, host: str
) -> None:
    """For the same headers, body, keys and time the header `Authorization` is the same."""
    credentials = ReadOnlyCredentials("AKID", secret_key, token)
    theirs = AWSRequest("POST", f"http://{host}/", data=body)
    theirs.headers["Content-Type"] = "application/x-amz-json-1.0"
    theirs.headers["X-Amz-Target"] = "DynamoDB_20120810.PutItem"
    SigV4Auth(Credentials("AKID", secret_key, token), "dynamodb", "eu-west-1").add_auth(theirs)
    now = calendar.timegm(time.strptime(theirs.headers["X-Amz-Date"], "%Y%m%dT%H%M%SZ"))

    route = Route(f"http://{host}/", host, "eu-west-1", "test")
    ours = route.headers("PutItem", body, credentials, now)

    assert theirs.headers["Authorization"] == ours["authorization"]
    assert theirs.headers["X-Amz-Date"] == ours["x-amz-date"]
    assert token == ours.get("x-amz-security-token")


def test_the_first_call_shows_the_way(server: LeanServer) -> None:
    """One call is botocore's; all others that a request needs are ours, to the same address."""
    cache = manager(server)
    for _ in range(2):
        assert "value" == cache[b"k"]
        cache[b"k"] = "other"
        del cache[b"k"]
    assert [False] + [True] * 5 == lean(server)
    operations = [request.headers["x-amz-target"].split(".")[1] for request in server.requests]
    assert ["GetItem", "PutItem", "PutItem"] * 2 == operations
    first, *_, again = (request for request in server.requests if "GetItem" in str(request.headers))
    assert first.body == again.body
    for name in ("host", "content-type", "user-agent"):
        assert first.headers[name] == again.headers[name]


def test_an_item_is_the_same_either_way(server: LeanServer) -> None:
    """Attributes of all types, and one that is called B, come as botocore gives them."""
    server.answer = {
        "Item": {**ITEM, "B": {"M": {"B": {"B": "AAE="}, "S": {"BOOL": True}}}, "x": {"NULL": True}}
    }
    client = manager(server).client
    params: dict[str, Any] = {"TableName": "lean", "Key": {"id": {"S": "x"}}}
    answers = [client.get_item(**params)["Item"] for _ in range(2)]
    assert [False, True] == lean(server)
    assert answers[0] == answers[1]
    assert {"B": b"\x00\x01"} == answers[1]["B"]["M"]["B"]


def test_an_empty_answer_finds_nothing(server: LeanServer) -> None:
    """No item is no item, either way."""
    server.answer = {}
    assert [False, False] == [b"k" in manager(server) for _ in range(2)]
    assert [False, True] == lean(server)


# -- what is no plain answer ------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 400, "body": b'{"__type": "x#ThrottlingException"}'},
        {"status": 500, "body": b"{}"},
        {"status": 301, "body": b"{}"},
        {"body": b'{"Item": {'},
        {"body": b"<html>"},
        {"body": b"{]}"},
        {"body": b'{"Item": {}}', "crc": "1"},
        {"body": None},
    ],
    ids=["throttle", "500", "redirect", "half", "html", "json", "checksum", "reset"],
)
def test_what_is_no_plain_answer_is_asked_again_by_boto3(
    server: LeanServer, fault: dict[str, Any]
) -> None:
    """A fault of the short way is none for the application."""
    cache = manager(server)
    assert "value" == cache[b"k"]
    server.faults.append(fault)
    assert "value" == cache[b"k"]
    assert [False, True, False] == lean(server)
    assert "value" == cache[b"k"]
    assert lean(server)[-1]


def test_it_is_the_first_of_max_attempts(server: LeanServer) -> None:
    """A fault that stays is told after as many tries as the option says, and as ever."""
    cache = manager(server, max_attempts=3)
    assert "value" == cache[b"k"]
    server.faults += [{"status": 500, "body": b"{}"}] * 3
    with pytest.raises(StoreUnavailable, match="500"):
        cache[b"k"]
    assert [False, True, False, False] == lean(server)


@pytest.mark.parametrize("more", [{"endpoint_url": "/some/path"}, {"config": "unsigned"}], ids=str)
def test_what_cannot_be_imitated_is_left_to_boto3(server: LeanServer, more: dict[str, str]) -> None:
    """An address with a path, or another kind of signature."""
    options: dict[str, Any] = {"endpoint_url": server.url + more.get("endpoint_url", "")}
    if "config" in more:
        from botocore import UNSIGNED

        options["config"] = Config(signature_version=UNSIGNED)
    cache = manager(server, **options)
    assert ["value"] * 3 == [cache[b"k"] for _ in range(3)]
    assert [False] * 3 == lean(server)


# -- credentials, proxies, certificates -------------------------------------------------------


def test_no_credentials(server: LeanServer) -> None:
    """It is botocore that says so."""
    options = {"aws_access_key_id": None, "aws_secret_access_key": None}
    with pytest.raises(StoreUnavailable, match="NoCredentials"):
        manager(server, **options)[b"k"]
    assert [] == server.requests


@pytest.mark.parametrize("transport", ["boto3", "lean"])
def test_credentials_that_are_refreshed(
    server: LeanServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, transport: str
) -> None:
    """Each request is signed with what botocore has by then; a process gives it new ones here."""
    keys = tmp_path / "keys.json"
    config = tmp_path / "config"
    config.write_text(f"[profile rolling]\ncredential_process = cat {keys}\nregion = eu-west-1\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))

    def give(number: int, seconds: int) -> None:
        until = datetime.now(timezone.utc) + timedelta(seconds=seconds)
        told = {"Version": 1, "AccessKeyId": f"key{number}", "SecretAccessKey": "secret"}
        told |= {"SessionToken": f"token{number}", "Expiration": until.isoformat()}
        keys.write_text(json.dumps(told))

    # Fifteen minutes before their end botocore begins to look for new ones.
    give(0, 60)
    mine = {"aws_access_key_id": None, "aws_secret_access_key": None, "profile_name": "rolling"}
    cache = manager(server, **mine, region_name=None, transport=transport)
    assert "value" == cache[b"k"]
    give(1, 60)
    assert "value" == cache[b"k"]
    give(2, 7200)
    assert ["value"] * 3 == [cache[b"k"] for _ in range(3)]
    assert lean(server)[1:] == [transport == "lean"] * 4
    used = [request.headers["authorization"].split("/")[0][-4:] for request in server.requests]
    assert "key2" == used[-1]
    assert used == sorted(used)
    tokens = [request.headers["x-amz-security-token"] for request in server.requests]
    assert [f"token{key[-1]}" for key in used] == tokens


@pytest.mark.parametrize("transport", ["boto3", "lean"])
def test_an_assumed_role(
    server: LeanServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, transport: str
) -> None:
    """The keys of a role are used, with its token."""
    config = tmp_path / "config"
    config.write_text(
        "[profile base]\naws_access_key_id = testkey\naws_secret_access_key = testsecret\n"
        "[profile role]\nrole_arn = arn:aws:iam::123456789012:role/web\nsource_profile = base\n"
        "region = eu-west-1\n"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    options = {"aws_access_key_id": None, "aws_secret_access_key": None, "profile_name": "role"}
    token_service = ThreadedMotoServer(port=0, verbose=False)
    token_service.start()
    try:
        host, port = token_service.get_host_and_port()
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", f"http://{host}:{port}")
        cache = manager(server, **options, transport=transport)
        assert ["value"] * 2 == [cache[b"k"] for _ in range(2)]
    finally:
        token_service.stop()
    assert [False, transport == "lean"] == lean(server)
    theirs, ours = (request.headers for request in server.requests)
    assert "testkey" not in ours["authorization"]
    assert theirs["x-amz-security-token"] == ours["x-amz-security-token"]


def test_a_proxy(server: LeanServer) -> None:
    """Requests go through the proxy that botocore's configuration names."""
    config = Config(proxies={"http": server.url})
    cache = manager(server, endpoint_url="http://dynamodb.invalid:8000", config=config)
    assert ["value"] * 2 == [cache[b"k"] for _ in range(2)]
    assert [False, True] == lean(server)
    assert ["http://dynamodb.invalid:8000/"] * 2 == [request.path for request in server.requests]
    assert ["dynamodb.invalid:8000"] * 2 == [request.headers["host"] for request in server.requests]


def test_a_certificate_authority_of_one_s_own(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server is trusted if AWS_CA_BUNDLE says so, and only then."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with LeanServer({"Item": ITEM}, context) as server:
        with pytest.raises(StoreUnavailable, match="SSLError"):
            manager(server, max_attempts=1)[b"k"]
        assert [] == server.requests
        monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate))
        cache = manager(server, region_name="eu-west-2")
        assert ["value"] * 2 == [cache[b"k"] for _ in range(2)]
        assert [False, True] == lean(server)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for localhost, signed by itself, and its key, in one file."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(timezone.utc)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    path.write_bytes(made.public_bytes(pem) + secret)
    return path


def test_threads_share_it(server: LeanServer) -> None:
    """Fifty threads get what is theirs."""
    cache = manager(server)
    assert "value" == cache[b"k"]
    found: list[Any] = []
    threads = [threading.Thread(target=lambda: found.append(cache[b"k"])) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ["value"] * 50 == found
    assert [False] + [True] * 50 == lean(server)


def test_the_checksum_is_looked_at(server: LeanServer) -> None:
    """An answer with the right one is taken."""
    body = json.dumps({"Item": ITEM}).encode()
    cache = manager(server)
    assert "value" == cache[b"k"]
    server.faults.append({"body": body, "crc": str(zlib.crc32(body))})
    assert "value" == cache[b"k"]
    assert [False, True] == lean(server)


def test_a_botocore_that_keeps_its_connections_elsewhere(server: LeanServer) -> None:
    """Its own door to them does as well."""
    cache = manager(server)
    client: Any = cache.client
    client._http = SimpleNamespace(send=client._http.send)
    assert ["value"] * 2 == [cache[b"k"] for _ in range(2)]
    assert [False, True] == lean(server)
    assert client._route.pool is None
