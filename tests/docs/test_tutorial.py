"""The tutorial, local development and tests of applications work as written."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from beaker.cache import CacheManager
from beaker.util import parse_cache_config_options
from click.testing import CliRunner
from webtest import TestApp

from beaker_dynamodb.cli.main import cli
from beaker_dynamodb.middleware import SessionMiddleware
from tests.beaker import items, own_caches
from tests.docs import count_visits, settings, visits
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


PAGE = page("docs/howto/develop-locally.md")


def test_the_lines_that_local_prints(monkeypatch: pytest.MonkeyPatch) -> None:
    (shown,) = (block.code for block in PAGE.blocks("text"))
    stopped = SimpleNamespace(wait=bool)
    monkeypatch.setattr("beaker_dynamodb.cli.local.Event", lambda: stopped)
    printed = CliRunner().invoke(cli, ["local", "--port", "0"]).output
    assert shown == re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:8000", printed)


def test_the_settings_of_a_local_server(moto_endpoint: Endpoint) -> None:
    (ini,) = (block.code for block in PAGE.blocks("ini"))
    given = settings(ini.replace("http://127.0.0.1:8000", moto_endpoint.url))
    with own_caches():
        assert ["1", "2"] == count_visits(SessionMiddleware(visits, given))
        cache = CacheManager(**parse_cache_config_options(given)).get_cache("news")
        cache.put("key", "value")
    stored = items(moto_endpoint.client, "myapp-sessions")
    moto_endpoint.client.delete_table(TableName="myapp-sessions")
    assert {"sess", "cache"} == {key.partition(":")[0] for key in stored}


@pytest.mark.full
def test_the_tests_of_the_page_pass(tmp_path: Path) -> None:
    blocks = page("docs/howto/test-your-application.md").blocks("python")
    # Those lines belong in a fixture.
    code = [block.code for block in blocks if block.heading != "In DynamoDB Local"]
    (tmp_path / "test_page.py").write_text("\n".join(code))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", "."]
    environment = {name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"}
    # Tracers that are installed would load themselves.
    environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    run = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert 0 == run.returncode, run.stdout
    assert "4 passed" in run.stdout
