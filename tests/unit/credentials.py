"""Credentials in files, and a helper that a profile names; both can be changed by a test."""

from __future__ import annotations

import json
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

#: What the helper prints, on both streams, and no traceback and no log may show.
SECRET = "hunter2"
#: No keys among the options.
NO_KEYS = {"aws_access_key_id": None, "aws_secret_access_key": None}


class Helper:
    """The profile ``helped``, whose ``credential_process`` counts its runs.

    :param folder: empty.
    """

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._runs, self._says = folder / "runs", folder / "says"
        program = folder / "helper.py"
        program.write_text(
            "import pathlib, sys\n"
            f"with open({str(self._runs)!r}, 'a') as runs:\n"
            "    runs.write('.')\n"
            f"text = pathlib.Path({str(self._says)!r}).read_text()\n"
            "if text.startswith('{'):\n"
            "    print(text)\n"
            f"elif text == 'garbage':\n    print('{SECRET}')\n"
            f"elif text == 'null':\n    print('null')\n"
            f"else:\n    sys.exit('{SECRET} ' + text)\n"
        )
        self.config = folder / "config"
        self.config.write_text(
            f"[profile helped]\ncredential_process = {sys.executable} -S -E {program}\n"
        )
        monkeypatch.setenv("AWS_CONFIG_FILE", str(self.config))
        self.options: dict[str, Any] = {**NO_KEYS, "profile_name": "helped"}

    @property
    def runs(self) -> int:
        """How often it was run."""
        return len(self._runs.read_text()) if self._runs.exists() else 0

    def gives(self, key: str, seconds: float | None = None) -> None:
        """Let it give credentials from now on.

        :param seconds: how long they last; None: they do not expire.
        """
        told = {"Version": 1, "AccessKeyId": key, "SecretAccessKey": "s"}
        if seconds is not None:
            until = datetime.now(timezone.utc) + timedelta(seconds=seconds)
            told |= {"SessionToken": "token", "Expiration": until.isoformat()}
        self._says.write_text(json.dumps(told))

    def fails(self, how: str = "no") -> None:
        """Let it fail from now on: with ``garbage``, with ``null``, or with exit code 1."""
        self._says.write_text(how)


@pytest.fixture
def helper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Helper:
    """A helper that gives a key which does not expire."""
    made = Helper(tmp_path, monkeypatch)
    made.gives("helped-key")
    return made


class KeyFile:
    """The shared credentials file, with the profile ``filed``."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._path = folder / "credentials"
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(self._path))
        self.options: dict[str, Any] = {**NO_KEYS, "profile_name": "filed"}

    def write(self, key: str) -> None:
        """Replace the key."""
        self._path.write_text(f"[filed]\naws_access_key_id = {key}\naws_secret_access_key = s\n")


@pytest.fixture
def key_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> KeyFile:
    """A credentials file with the key ``old``."""
    made = KeyFile(tmp_path, monkeypatch)
    made.write("old")
    return made
