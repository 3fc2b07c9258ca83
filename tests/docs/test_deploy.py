"""The pages about deployment: the template of the table, and changes of secrets."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from beaker.exceptions import BeakerWarning
from click.testing import CliRunner
from webtest import TestApp

from beaker_dynamodb import PayloadError
from beaker_dynamodb.cli.main import cli
from beaker_dynamodb.middleware import SessionMiddleware
from tests.docs import visits
from tests.docs.pages import page
from tests.servers.endpoint import Endpoint

SETTINGS = {
    "session.table_name": "myapp-sessions",
    "session.region_name": "eu-west-1",
    "session.crypto_type": "cryptography",  # Beaker 1.13 would not encrypt without it
}


def test_the_template() -> None:
    (shown,) = page("docs/howto/create-the-table.md").blocks("yaml")
    settings = ["--url", "dynamodb://eu-west-1/myapp-sessions"]
    result = CliRunner().invoke(cli, ["template", "--format", "yaml", *settings])
    assert (0, yaml.safe_load(shown.code)) == (result.exit_code, yaml.safe_load(result.stdout))


def test_a_new_secret_logs_users_out(aws: Endpoint) -> None:
    browser = TestApp(application({"secret": "old secret"}))
    assert ["1", "2"] == [browser.get("/").text for _ in range(2)]
    changed = TestApp(application({"secret": "new secret"}), cookiejar=browser.cookiejar)
    assert "1" == changed.get("/").text


def test_a_new_encrypt_key_starts_new_sessions_unless_that_is_an_error(aws: Endpoint) -> None:
    browser = TestApp(application({"encrypt_key": "old key", "validate_key": "same"}))
    assert ["1", "2"] == [browser.get("/").text for _ in range(2)]
    new = {"encrypt_key": "new key", "validate_key": "same"}
    strict = TestApp(application(new, invalidate_corrupt=False), cookiejar=browser.cookiejar)
    with pytest.raises(PayloadError):
        strict.get("/")
    changed = TestApp(application(new), cookiejar=browser.cookiejar)
    with pytest.warns(BeakerWarning, match="Invalidating corrupt session"):
        assert "1" == changed.get("/").text


def application(options: dict[str, str], **extra: Any) -> Any:
    given = {f"session.{name}": value for name, value in options.items()}
    return SessionMiddleware(visits, {**SETTINGS, **given}, **extra)
