"""Fixtures: a server, clients that no other test created, and sources of credentials."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from beaker_dynamodb.dynamodb import client
from tests.dynamodb.credentials import Helper, KeyFile
from tests.dynamodb.fake_server import FakeServer


@pytest.fixture
def _new_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client._clients, "_value", {})


@pytest.fixture(scope="session")
def shared_server() -> Iterator[FakeServer]:
    with FakeServer() as server:
        yield server


@pytest.fixture
def server(shared_server: FakeServer) -> FakeServer:
    """A server without connections. Its clients are those of earlier tests."""
    shared_server.reset()
    return shared_server


@pytest.fixture
def authority(_new_clients: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    """Signs certificates that botocore accepts because of ``AWS_CA_BUNDLE``."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("AWS_CA_BUNDLE", str(tmp_path / "ca.pem"))
    return authority


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
