"""Endpoints: those that botocore finds with its list, and those with a password, never shown."""

from __future__ import annotations

import json
import logging
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.loaders import Loader

from beaker_dynamodb import ConfigurationError, DynamoDBNamespaceManager, StoreUnavailable
from beaker_dynamodb.config.options import Options
from beaker_dynamodb.config.parse import parse
from beaker_dynamodb.dynamodb import signature
from beaker_dynamodb.dynamodb.client_factory import make_transport
from beaker_dynamodb.dynamodb.known_regions import KnownRegions, use_known_regions
from tests.dynamodb.fake_server import KEY, OFFLINE, FakeServer, Request, fast, plain_client

FIPS, DUALSTACK = Config(use_fips_endpoint=True), Config(use_dualstack_endpoint=True)


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that botocore reads."""
    names: list[str] = []
    real = Loader.load_data_with_path

    def load(loader: Loader, name: str) -> Any:
        names.append(name)
        return real(loader, name)

    monkeypatch.setattr(Loader, "load_data_with_path", load)
    return names


def botocores() -> Any:
    session: Any = botocore.session.Session()
    return session._get_internal_component("endpoint_resolver")


def regions() -> list[str]:
    partitions = botocore.session.Session().get_component("data_loader").load_data("partitions")
    return [region for partition in partitions["partitions"] for region in partition["regions"]]


def test_every_region_has_the_endpoint_that_botocore_finds(read: list[str]) -> None:
    known, expected = KnownRegions(Loader()), botocores()
    read.clear()
    found = {region: expected.construct_endpoint("dynamodb", region) for region in regions()}
    assert len(found) >= 40
    for region, endpoint in found.items():
        if endpoint is None:
            continue  # a pseudo-Region such as aws-global
        ours = known.construct_endpoint("dynamodb", region)
        assert set(ours["protocols"]) <= set(endpoint["protocols"])
        assert {**ours, "protocols": endpoint["protocols"]}.items() <= endpoint.items()
    assert "endpoints" not in read
    assert known.construct_endpoint("dynamodb", "aws-global") is None
    assert "endpoints" in read


@pytest.mark.usefixtures("_new_clients")
@pytest.mark.parametrize(
    ("region", "config", "needs_list"),
    [
        ("eu-west-1", None, False),
        ("cn-north-1", None, False),
        ("us-gov-west-1", None, False),
        ("us-east-1", FIPS, True),
        ("eu-west-1", DUALSTACK, True),
        ("eu-nowhere-1", None, True),
        ("local", None, True),
    ],
    ids=["EU", "China", "GovCloud", "FIPS", "dual-stack", "unknown Region", "local"],
)
def test_a_client_equals_one_that_uses_the_list(
    region: str, config: Config | None, needs_list: bool, read: list[str]
) -> None:
    options: dict[str, Any] = {**OFFLINE, "region_name": region, "endpoint_url": None}
    client = make_transport(parse({**options, "config": config})).client
    assert needs_list is ("endpoints" in read)
    session = botocore.session.Session()
    expected: Any = session.create_client("dynamodb", config=config, **options)
    assert described(expected) == described(client)


def described(client: Any) -> dict[str, Any]:
    signer = client._request_signer
    return {
        "url": client.meta.endpoint_url,
        "partition": client.meta.partition,
        "region": client.meta.region_name,
        "signature": (signer._region_name, signer.signing_name, signer._signature_version),
    }


def test_the_users_own_list_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    partitions = botocores()._endpoint_data["partitions"]
    own = json.loads(json.dumps({"partitions": partitions[:1], "version": 3}))
    own["partitions"][0]["services"]["dynamodb"]["endpoints"]["eu-west-1"] = {"hostname": "own.lan"}
    (tmp_path / "endpoints.json").write_text(json.dumps(own))
    monkeypatch.setenv("AWS_DATA_PATH", str(tmp_path))
    client = make_transport(parse({**OFFLINE, "endpoint_url": None})).client
    assert "https://own.lan" == client.meta.endpoint_url


def test_other_services_are_found_in_the_list() -> None:
    session: Any = botocore.session.Session()
    use_known_regions(session)
    found = session._get_internal_component("endpoint_resolver")
    for service in ("sts", "sso"):
        endpoint = botocores().construct_endpoint(service, "eu-west-1")
        assert endpoint == found.construct_endpoint(service, "eu-west-1")
    assert botocores().get_available_partitions() == found.get_available_partitions()


PASSWORD = "hunter2"


def with_password(url: str) -> str:
    """Add a user and a password to a URL, with the host in upper case."""
    return url.replace("127.0.0.1", f"user:{PASSWORD}@LOCALHOST")


@pytest.fixture(params=["option", "environment"])
def endpoint(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], dict[str, Any]]:
    def options(url: str) -> dict[str, Any]:
        if request.param == "option":
            return {**OFFLINE, "endpoint_url": url}
        monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", url)
        return {**OFFLINE, "endpoint_url": None}

    return options


def expected_signature(request: Request, url: str) -> str:
    """Return botocore's signature for the same headers, body and time."""
    expected = AWSRequest("POST", url + request.path, data=request.body)
    signed = request.headers["authorization"].split("SignedHeaders=")[1].split(",")[0]
    for name in signed.split(";"):
        if name != "host":  # botocore adds it
            expected.headers[name] = request.headers[name]
    expected.context["timestamp"] = request.headers["x-amz-date"]
    credentials = Credentials(OFFLINE["aws_access_key_id"], OFFLINE["aws_secret_access_key"])
    auth = SigV4Auth(credentials, "dynamodb", "eu-west-1")
    canonical = auth.canonical_request(expected)
    return str(auth.signature(auth.string_to_sign(expected, canonical), expected))


@pytest.mark.usefixtures("_new_clients")
def test_requests_are_those_of_a_plain_client(
    server: FakeServer, endpoint: Callable[[str], dict[str, Any]]
) -> None:
    url = with_password(server.url)
    plain_client(url).get_item(TableName="table", Key=KEY)
    manager = DynamoDBNamespaceManager("n", **endpoint(url))
    assert ["value"] * 2 == [manager[b"k"] for _ in range(2)]
    plain, *requests = server.requests
    assert [False, False, True] == fast(server)
    for request in requests:
        assert (plain.path, plain.headers["host"]) == (request.path, request.headers["host"])
        # Signed with the host that was sent.
        signature = expected_signature(request, server.url.replace("127.0.0.1", "localhost"))
        assert request.headers["authorization"].endswith(signature)


@pytest.mark.usefixtures("_new_clients")
def test_no_error_and_no_log_line_shows_the_password(
    caplog: pytest.LogCaptureFixture, endpoint: Callable[[str], dict[str, Any]]
) -> None:
    caplog.set_level(logging.DEBUG, "beaker_dynamodb")
    options = endpoint(with_password("http://127.0.0.1:1"))
    manager = DynamoDBNamespaceManager("n", **options, max_attempts=1)
    no_retries = Config(retries={"max_attempts": 0})
    given = plain_client(with_password("http://127.0.0.1:1"), config=no_retries)
    with pytest.raises(StoreUnavailable) as caught:
        manager["session"]
    assert caught.value.__cause__ is not None
    with pytest.raises(StoreUnavailable) as of_given_client:
        DynamoDBNamespaceManager("n", client=given)["session"]
    shown = [*traceback.format_exception(caught.value), caplog.text, repr(manager.backend.options)]
    shown += traceback.format_exception(of_given_client.value)
    shown += [str(manager.client.meta.endpoint_url), repr(vars(manager))]
    assert PASSWORD not in "".join(shown)


@pytest.mark.parametrize("make", [Options, lambda **given: parse(given)], ids=["direct", "parsed"])
def test_repr_shows_the_url_without_the_password(make: Callable[..., Options]) -> None:
    shown = repr(make(endpoint_url=with_password("http://127.0.0.1:8000/path")))
    assert PASSWORD not in shown
    assert "LOCALHOST:8000/path" in shown


@pytest.mark.parametrize(
    "url",
    [
        f"user:{PASSWORD}@127.0.0.1:8000",
        f"http://user:{PASSWORD}@:80",
        f"http://user:{PASSWORD}@127.0.0.1:99999",
        f"http://user:{PASSWORD}@[::1",
        f"ftp://user:{PASSWORD}@127.0.0.1",
        f"http://user:{PASSWORD}@127.0.0.1:port",
    ],
)
def test_the_error_for_a_malformed_option_hides_the_password(url: str) -> None:
    with pytest.raises(ConfigurationError, match="endpoint_url") as caught:
        parse({"endpoint_url": url})
    assert PASSWORD not in "".join(traceback.format_exception(caught.value))
    assert PASSWORD not in repr(Options(endpoint_url=url))
    with pytest.raises(ConfigurationError, match="'localhost:8000'"):
        parse({"endpoint_url": "localhost:8000"})


@pytest.mark.usefixtures("_new_clients")
@pytest.mark.parametrize("url", [f"http://u:{PASSWORD}@:80", f"u:{PASSWORD}@localhost"])
def test_the_error_for_a_malformed_variable_hides_the_password(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", url)
    with pytest.raises(ConfigurationError, match="endpoint") as caught:
        DynamoDBNamespaceManager("n", **{**OFFLINE, "endpoint_url": None})["session"]
    assert PASSWORD not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    "url",
    [
        "https://dynamodb.eu-west-1.amazonaws.com",
        "https://u:p@Dynamodb.EU-west-1.amazonaws.com:443/",
        "http://u@127.0.0.1:8000/",
        "http://u:p%40ss@[::1]:8000",
        "http://[::1]:80",
        "https://localhost:80",
        "http://localhost:443",
    ],
)
def test_the_host_header_is_botocores(url: str) -> None:
    from botocore.auth import _host_from_url  # type: ignore[attr-defined]  # not in the hints

    assert _host_from_url(url) == signature.host(url)
