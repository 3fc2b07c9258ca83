"""Pickles that run a program, put into the table by an attacker who can write to it."""

from __future__ import annotations

import pickle
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import beaker.middleware
import pytest
from beaker.cache import CacheManager
from beaker.exceptions import BeakerWarning

import beaker_dynamodb.middleware
from beaker_dynamodb import PayloadError
from tests.beaker import Browser, own_caches, values
from tests.items.encoded import BOTH, NEW, OLD, overwrite, share_cookies

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

#: Signatures of a poisoned item: none, garbage, the original one.
UNSIGNED: dict[str, Any] = {"signature": None}
FORGED: dict[str, Any] = {"signature": {"B": bytes(32)}}
KEPT: dict[str, Any] = {}


class Poison:
    """Creates a file when it is unpickled.

    :param path: of the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


@pytest.fixture
def ran(tmp_path: Path) -> Path:
    """The file that the poison creates."""
    return tmp_path / "ran"


@pytest.fixture(autouse=True)
def _caches() -> Iterator[None]:
    with own_caches():
        yield


@pytest.fixture(params=["Beaker's", "ours"])
def _middleware(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Use Beaker's middleware, and the package's."""
    module = beaker.middleware if request.param == "Beaker's" else beaker_dynamodb.middleware
    monkeypatch.setattr("tests.beaker.SessionMiddleware", module.SessionMiddleware)


def poison(ran: Path, name: str, signature: dict[str, Any]) -> dict[str, Any]:
    """Return the attributes that poison an item."""
    data = pickle.dumps({"name": Poison(ran)}, 2)
    data = zlib.compress(data) if name.endswith(",zlib") else data
    return {"data": {"B": data}, "codec": {"S": name}, **signature}


CODECS = pytest.mark.parametrize("name", ["b64", "b64,zlib", "pickle", "pickle,zlib"])
SIGNATURES = pytest.mark.parametrize(
    "signature", [UNSIGNED, FORGED, KEPT], ids=["unsigned", "forged", "kept"]
)


@CODECS
@SIGNATURES
@pytest.mark.usefixtures("_middleware")
def test_a_poisoned_session_is_replaced_by_a_new_one(
    name: str,
    signature: dict[str, Any],
    options: dict[str, Any],
    client: DynamoDBClient,
    table_name: str,
    ran: Path,
) -> None:
    browser = Browser(options, signing_keys=BOTH)
    browser.save(name="Ada")
    overwrite(client, table_name, **poison(ran, name, signature))

    with pytest.warns(BeakerWarning, match="Invalidating corrupt session"):
        assert {} == browser.contents()

    browser.save(name="Grace")
    assert {"name": "Grace"} == browser.contents()
    assert not ran.exists()


@CODECS
@SIGNATURES
@pytest.mark.usefixtures("_middleware")
def test_a_session_poisoned_during_a_request_is_refused_by_its_save(
    name: str,
    signature: dict[str, Any],
    options: dict[str, Any],
    client: DynamoDBClient,
    table_name: str,
    ran: Path,
) -> None:
    browser = Browser(options, signing_keys=NEW)
    browser.save(name="Ada")

    def action(session: Any) -> None:
        assert {"name": "Ada"} == values(session)
        overwrite(client, table_name, writer={"S": "*"}, **poison(ran, name, signature))
        session["name"] = "Grace"
        session.save()

    with pytest.raises(PayloadError, match="signature"):
        browser.visit(action)
    assert not ran.exists()


@pytest.mark.parametrize("name", ["pickle", "pickle,zlib"])
@SIGNATURES
@pytest.mark.parametrize("serializer", ["pickle", "json"])
def test_a_poisoned_cache_entry_is_an_error_and_can_be_replaced(
    name: str,
    signature: dict[str, Any],
    serializer: str,
    options: dict[str, Any],
    client: DynamoDBClient,
    table_name: str,
    ran: Path,
) -> None:
    signed = {**options, "serializer": serializer, "signing_keys": NEW}
    cache = CacheManager(type="ext:dynamodb", **signed).get_cache("news")
    cache.put("today", "value")
    overwrite(client, table_name, **poison(ran, name, signature))

    with pytest.raises(PayloadError, match="signature"):
        cache.get("today")
    with pytest.raises(PayloadError, match="signature"):
        assert "today" in cache
    cache.put("today", "new value")

    assert "new value" == cache.get("today")
    assert not ran.exists()


@pytest.mark.usefixtures("_middleware")
def test_it_is_poison(
    options: dict[str, Any], client: DynamoDBClient, table_name: str, ran: Path
) -> None:
    """Without keys the same poison runs: the tests above do see it, if it does."""
    browser = Browser(options)
    browser.save(name="Ada")
    overwrite(client, table_name, **poison(ran, "b64", UNSIGNED))
    browser.contents()
    assert ran.exists()


@pytest.mark.parametrize("serializer", ["pickle", "json"])
def test_it_is_poison_in_a_cache(
    serializer: str, options: dict[str, Any], client: DynamoDBClient, table_name: str, ran: Path
) -> None:
    cache = CacheManager(type="ext:dynamodb", serializer=serializer, **options).get_cache("news")
    cache.put("today", "value")
    poisoned = {**poison(ran, "pickle", UNSIGNED)}
    overwrite(client, table_name, **poisoned)
    # Beaker cannot unpack what the poison became, which does not help any more.
    with pytest.raises(Exception):  # noqa: B017, PT011  # whatever it is
        cache.get("today")
    assert ran.exists()


def test_a_session_signed_with_an_unknown_key_is_replaced_by_a_new_one(
    options: dict[str, Any], client: DynamoDBClient, table_name: str
) -> None:
    browser = Browser(options, signing_keys=OLD)
    browser.save(name="Ada")
    ours = Browser(options, signing_keys=NEW)
    share_cookies(browser, ours)
    with pytest.warns(BeakerWarning, match="Invalidating corrupt session"):
        assert {} == ours.contents()
