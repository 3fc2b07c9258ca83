"""Fixtures: clients that no other test created, servers, and sources of credentials."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from beaker_dynamodb.dynamodb import client
from tests.dynamodb.credentials import Helper, KeyFile
from tests.dynamodb.fake_server import ITEM, FakeServer


@pytest.fixture
def _new_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client._clients, "_value", {})


@pytest.fixture
def server(_new_clients: None) -> Iterator[FakeServer]:
    with FakeServer({"Item": ITEM}) as server:
        yield server


@pytest.fixture
def helper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Helper:
    helper = Helper(tmp_path, monkeypatch)
    helper.returns("helped-key")
    return helper


@pytest.fixture
def key_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> KeyFile:
    key_file = KeyFile(tmp_path, monkeypatch)
    key_file.write("old")
    return key_file
