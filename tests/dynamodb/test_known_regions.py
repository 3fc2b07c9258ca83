"""Endpoints without botocore's list: those that botocore finds with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.config import Config
from botocore.loaders import Loader

from beaker_dynamodb.config.parse import parse
from beaker_dynamodb.dynamodb.client_factory import make_transport
from beaker_dynamodb.dynamodb.known_regions import KnownRegions, use_known_regions
from tests.dynamodb.fake_server import OFFLINE

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
