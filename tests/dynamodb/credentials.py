"""A credentials file, and a credentials helper that counts its runs."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

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
