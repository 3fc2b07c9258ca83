"""The tutorial works as written."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from webtest import TestApp

from beaker_dynamodb.cli.main import cli
from tests.docs.pages import page
from tests.servers.endpoint import Endpoint

TUTORIAL = page("docs/tutorial.md")
URL = "dynamodb://us-east-1/shop-sessions"


def command(*arguments: str) -> str:
    result = CliRunner().invoke(cli, arguments)
    assert 0 == result.exit_code, result.output
    return result.stdout


def test_the_tutorial(aws: Endpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    before, after = (block.code for block in TUTORIAL.blocks("python"))
    names: dict[str, Any] = {"__name__": "shop"}
    exec(before, names)
    browser = TestApp(names["application"])
    assert "Visit 1; in your cart: tea" == browser.get("/add/tea").follow().text

    migrate = ["migrate", "--from", f"file://{tmp_path}/sessions", "--to", URL]
    printed = command(*migrate, "--timeout", "1800", "--create").replace(f"{tmp_path}/", "")
    (shown,) = (block.code for block in TUTORIAL.blocks("text"))
    printed = re.sub(r"http://127.0.0.1:\d+", "http://127.0.0.1:8000", printed)
    assert printed.startswith(shown)

    exec(after, names)
    moved = TestApp(names["application"], cookiejar=browser.cookiejar)
    assert "Visit 2; in your cart: tea" == moved.get("/").text
    assert re.search(r"^@[0-9a-f]{16} ", command("sessions", "list", "--url", URL), re.MULTILINE)
    assert " 0 errors" in command("doctor", "--url", URL)
