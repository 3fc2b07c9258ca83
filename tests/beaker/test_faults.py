"""Failed reads behind Beaker's own middleware."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from beaker.exceptions import BeakerWarning
from botocore.exceptions import ReadTimeoutError
from pyramid.testing import DummyRequest
from pyramid_beaker import session_factory_from_settings

from beaker_dynamodb import StoreUnavailable
from beaker_dynamodb.config.options import Options
from tests.beaker import COOKIE, Browser, one_failed_read, used_client, values
from tests.clock import Clock
from tests.dynamodb.breakers import without_probes

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

CORRUPT = "Invalidating corrupt session"


@pytest.mark.parametrize("setting", [{}, {"invalidate_corrupt": "false"}], ids=["default", "text"])
def test_one_failed_read_logs_out(options: dict[str, Any], setting: dict[str, Any]) -> None:
    """Plain Beaker starts a new session; the string "false" is true to it."""
    browser = Browser({**options, **setting})
    browser.save(name="Ada")
    with one_failed_read(used_client(options)), pytest.warns(BeakerWarning, match=CORRUPT):
        assert {} == browser.contents()


def test_a_timeout_logs_no_user_out(table_name: str, client: DynamoDBClient) -> None:
    """Plain Beaker's new session is not read either."""

    def time_out(**_: object) -> None:
        raise ReadTimeoutError(endpoint_url="")

    browser = Browser({"table_name": table_name, "client": client})
    breaker = without_probes(Options(client=client), Clock())
    browser.save(name="Ada")
    client.meta.events.register("before-send.dynamodb.GetItem", time_out)
    with pytest.warns(BeakerWarning, match=CORRUPT), pytest.raises(StoreUnavailable):
        browser.contents()
    client.meta.events.unregister("before-send.dynamodb.GetItem", time_out)
    breaker.answered()
    assert {"name": "Ada"} == browser.contents()


def test_with_a_python_false_the_failed_read_is_an_error(options: dict[str, Any]) -> None:
    browser = Browser(options, invalidate_corrupt=False)
    browser.save(name="Ada")
    with one_failed_read(used_client(options)), pytest.raises(StoreUnavailable):
        browser.contents()
    assert {"name": "Ada"} == browser.contents()


def test_pyramid_beaker_raises_unless_the_ini_file_has_any_value(options: dict[str, Any]) -> None:
    settings = {f"session.{name}": value for name, value in options.items()}
    settings["session.type"] = "ext:dynamodb"
    request = DummyRequest(environ={"HTTP_COOKIE": f"{COOKIE}=0123"})
    session_factory_from_settings(settings)(request).save()
    with one_failed_read(used_client(options)), pytest.raises(StoreUnavailable):
        session_factory_from_settings(settings)(request).load()

    settings["session.invalidate_corrupt"] = "false"
    with one_failed_read(used_client(options)), pytest.warns(BeakerWarning, match=CORRUPT):
        assert [] == list(values(session_factory_from_settings(settings)(request)))
