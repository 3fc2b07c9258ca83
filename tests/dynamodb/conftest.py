"""Fixtures: a server, clients that no other test created, and sources of credentials."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
import trustme

from beaker_dynamodb.dynamodb import client
from tests.dynamodb.fake_server import FakeServer

#: Part of the helper's output, which no traceback and no log may show.
SECRET = "hunter2"


class Helper:
    """The ``credential_process`` of the profile ``helped``.

    :param folder: an empty folder.
    """

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._runs, self._output = folder / "runs", folder / "output"
        program = folder / "helper.sh"
        program.write_text(
            f"printf . >> {self._runs}\n"
            f"[ -s {self._output} ] || {{ echo {SECRET} >&2; exit 1; }}\n"
            f"cat {self._output}\n"
        )
        self.config = folder / "config"
        self.config.write_text(f"[profile helped]\ncredential_process = sh {program}\n")
        monkeypatch.setenv("AWS_CONFIG_FILE", str(self.config))
        monkeypatch.setenv("AWS_PROFILE", "helped")

    @property
    def runs(self) -> int:
        return len(self._runs.read_text()) if self._runs.exists() else 0

    def returns(self, key: str, seconds: float | None = None) -> None:
        """Return this key from now on.

        :param seconds: its lifetime; None means that it does not expire.
        """
        output = {"Version": 1, "AccessKeyId": key, "SecretAccessKey": "s"}
        if seconds is not None:
            expiry = datetime.now(timezone.utc) + timedelta(seconds=seconds)
            output |= {"SessionToken": f"token of {key}", "Expiration": expiry.isoformat()}
        self._output.write_text(json.dumps(output))

    def fails(self, output: str = "") -> None:
        """Print this from now on, or exit with an error if it is empty."""
        self._output.write_text(output)


class KeyFile:
    """The shared credentials file, with the profile ``filed``."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._path = folder / "credentials"
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(self._path))
        monkeypatch.setenv("AWS_PROFILE", "filed")

    def write(self, key: str) -> None:
        self._path.write_text(f"[filed]\naws_access_key_id = {key}\naws_secret_access_key = s\n")


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
