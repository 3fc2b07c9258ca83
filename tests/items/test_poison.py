"""Malicious pickles, written by an attacker with write access to the table."""

from __future__ import annotations

import pickle
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import beaker.middleware
import pytest
from beaker.cache import Cache
from beaker.exceptions import BeakerWarning

import beaker_dynamodb.middleware
from beaker_dynamodb import PayloadError
from tests.beaker import Browser, values
from tests.items.encoded import BOTH, NEW, overwrite
from tests.servers.endpoint import DynamoDBClient

#: Signatures of a poisoned item: none, garbage, the original one.
UNSIGNED: dict[str, Any] = {"signature": None}
FORGED: dict[str, Any] = {"signature": {"B": bytes(32)}}
KEPT: dict[str, Any] = {}


class Poison:
    """Creates a file when it is unpickled.

    :param path: path of the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


@pytest.fixture
def ran(tmp_path: Path) -> Path:
    return tmp_path / "ran"


@pytest.fixture(params=["Beaker's", "ours"])
def _middleware(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    module = beaker.middleware if request.param == "Beaker's" else beaker_dynamodb.middleware
    monkeypatch.setattr("tests.beaker.SessionMiddleware", module.SessionMiddleware)


@pytest.fixture(params=[("b64", UNSIGNED), ("b64,zlib", FORGED), ("pickle,zlib", KEPT)])
def poison(
    request: pytest.FixtureRequest, client: DynamoDBClient, table_name: str, ran: Path
) -> Callable[..., None]:
    name, signature = request.param

    def overwrite_it(**attributes: Any) -> None:
        data = pickle.dumps({"name": Poison(ran)}, 2)
        data = zlib.compress(data) if name.endswith(",zlib") else data
        attributes |= {"data": {"B": data}, "codec": {"S": name}, **signature}
        overwrite(client, table_name, **attributes)

    return overwrite_it


@pytest.mark.usefixtures("_middleware")
def test_a_poisoned_session_is_replaced_by_a_new_one(
    options: dict[str, Any], poison: Callable[..., None], ran: Path
) -> None:
    browser = Browser(options, signing_keys=BOTH)
    browser.save(name="Ada")
    poison()
    with pytest.warns(BeakerWarning, match="Invalidating corrupt session"):
        assert {} == browser.contents()
    browser.save(name="Grace")
    assert {"name": "Grace"} == browser.contents()
    assert not ran.exists()


@pytest.mark.usefixtures("_middleware")
def test_saving_a_session_that_was_poisoned_during_the_request_raises(
    options: dict[str, Any], poison: Callable[..., None], ran: Path
) -> None:
    browser = Browser(options, signing_keys=NEW)
    browser.save(name="Ada")

    def action(session: Any) -> None:
        assert {"name": "Ada"} == values(session)
        poison(writer={"S": "*"})
        session["name"] = "Grace"
        session.save()

    with pytest.raises(PayloadError, match=r"signature|plain data"):
        browser.visit(action)
    assert not ran.exists()


def test_reading_a_poisoned_cache_entry_raises_and_it_can_be_replaced(
    options: dict[str, Any], poison: Callable[..., None], ran: Path
) -> None:
    cache = Cache("news", "ext:dynamodb", **options, serializer="json", signing_keys=NEW)
    cache.put("today", "value")
    poison()
    with pytest.raises(PayloadError, match="signature"):
        cache.get("today")
    with pytest.raises(PayloadError, match="signature"):
        assert "today" in cache
    cache.put("today", "new value")
    assert "new value" == cache.get("today")
    assert not ran.exists()


@pytest.mark.parametrize("poison", [("b64", UNSIGNED)], indirect=True)
def test_without_keys_the_poison_in_a_session_runs(
    options: dict[str, Any], poison: Callable[..., None], ran: Path
) -> None:
    browser = Browser(options)
    browser.save(name="Ada")
    poison()
    browser.contents()
    assert ran.exists()
