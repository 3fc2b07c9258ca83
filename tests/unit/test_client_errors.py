"""Errors while a client is made are store errors: shared, remembered, and without any secret."""

from __future__ import annotations

import logging
import threading
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from beaker.cache import Cache

from beaker_dynamodb import ConfigurationError, DynamoDBNamespaceManager, StoreUnavailable
from tests.clock import Clock
from tests.sessions.site import UNKNOWN, Site, store, values
from tests.unit.credentials import SECRET, Helper, helper  # noqa: F401
from tests.unit.lean_server import LeanServer
from tests.unit.test_client import OFFLINE
from tests.unit.test_lean import ITEM

THREADS = 8


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[LeanServer]:
    """A server that knows one cache value; no client of before is left for it."""
    monkeypatch.setattr("beaker_dynamodb.dynamodb.client._clients._value", {})
    with LeanServer({"Item": ITEM}) as server:
        yield server


@pytest.fixture(params=["boto3", "lean"])
def options(
    request: pytest.FixtureRequest,
    server: LeanServer,
    helper: Helper,  # noqa: F811
    clock: Clock,
) -> dict[str, Any]:
    """Options that lead to the server, with credentials of the helper."""
    return {
        **OFFLINE,
        "endpoint_url": server.url,
        "transport": request.param,
        "clock": clock,
        **helper.options,
    }


def failure(manager: DynamoDBNamespaceManager) -> StoreUnavailable:
    """Read a value, which must fail, and return the error."""
    with pytest.raises(StoreUnavailable) as caught:
        manager[b"k"]
    return caught.value


def assert_secret_is_safe(error: BaseException, caplog: pytest.LogCaptureFixture) -> None:
    """Check what an application's log would show."""
    assert SECRET not in "".join(traceback.format_exception(error))
    assert SECRET not in caplog.text


@pytest.mark.parametrize("how", ["no", "garbage", "null"])
def test_a_helper_that_fails_once_is_an_outage_of_a_second(
    options: dict[str, Any],
    helper: Helper,  # noqa: F811
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
    how: str,
) -> None:
    caplog.set_level(logging.INFO)
    helper.fails(how)
    manager = DynamoDBNamespaceManager("n", **options)
    errors = [failure(manager) for _ in range(3)]
    assert 1 == helper.runs
    assert 3 == len({id(error) for error in errors})
    for error in errors:
        assert "credentials" in str(error) or "AttributeError" in str(error)
        assert_secret_is_safe(error, caplog)

    helper.gives("good")
    failure(manager)
    clock.advance(1)
    assert "value" == manager[b"k"]
    assert 2 == helper.runs


def test_threads_that_arrive_together_run_a_failing_helper_once(
    options: dict[str, Any],
    helper: Helper,  # noqa: F811
) -> None:
    helper.fails()
    barrier = threading.Barrier(THREADS)

    def first_request(number: int) -> StoreUnavailable:
        barrier.wait()
        return failure(DynamoDBNamespaceManager(f"n{number}", **options))

    with ThreadPoolExecutor(THREADS) as threads:
        errors = list(threads.map(first_request, range(THREADS)))
    assert 1 == helper.runs
    assert THREADS == len({id(error) for error in errors})


def test_a_cache_does_without_credentials(
    options: dict[str, Any],
    helper: Helper,  # noqa: F811
    caplog: pytest.LogCaptureFixture,
) -> None:
    helper.fails()
    cache = Cache("n", "ext:dynamodb", **options, on_error="miss")
    assert "made" == cache.get("k", createfunc=lambda: "made")
    assert "does without DynamoDB" in caplog.text
    assert "None" not in caplog.text


@pytest.mark.parametrize("middleware", ["beaker", "ours"])
def test_nobody_is_logged_out_while_the_helper_fails(
    options: dict[str, Any],
    helper: Helper,  # noqa: F811
    middleware: str,
) -> None:
    helper.fails()
    more = {"invalidate_corrupt": False} if middleware == "beaker" else {}
    site = Site(middleware, {**options, **more})
    for action in (values, store(a=1)):
        with pytest.raises(StoreUnavailable):
            site(action, UNKNOWN)
    assert 1 == helper.runs


def test_a_refresh_that_fails_is_an_outage_of_a_second(
    options: dict[str, Any],
    helper: Helper,  # noqa: F811
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    helper.gives("first", seconds=60)  # so soon that botocore refreshes at each request
    manager = DynamoDBNamespaceManager("n", **options)
    assert "value" == manager[b"k"]
    helper.fails()
    before = helper.runs
    for error in [failure(manager) for _ in range(3)]:
        assert_secret_is_safe(error, caplog)
    assert before + 1 == helper.runs

    helper.gives("second", seconds=7200)
    clock.advance(1)
    assert "value" == manager[b"k"]


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ("[profile helped\n", "Unable to parse config file"),
        ("[profile helped]\ncredential_process = /nowhere/helper\n", "No such file"),
        (
            "[profile helped]\nrole_arn = arn:aws:iam::123456789012:role/web\n"
            "web_identity_token_file = /nowhere/token\n",
            "",
        ),
    ],
    ids=["half a file", "no helper", "no token"],
)
def test_what_may_be_there_in_a_moment_is_an_outage(
    options: dict[str, Any],
    helper: Helper,  # noqa: F811
    clock: Clock,
    config: str,
    said: str,
) -> None:
    whole = helper.config.read_text()
    helper.config.write_text(config)
    manager = DynamoDBNamespaceManager("n", **options)
    assert said in str(failure(manager))
    helper.config.write_text(whole)
    clock.advance(1)
    assert "value" == manager[b"k"]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"region_name": None}, "region"),
        ({"profile_name": "nobody"}, "nobody"),
        ({"aws_access_key_id": "key", "profile_name": None}, "aws_secret_access_key"),
        ({"region_name": "not a region"}, "region"),
    ],
)
def test_what_only_a_change_can_cure_is_a_configuration_error(
    options: dict[str, Any], wrong: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigurationError, match=said):
        DynamoDBNamespaceManager("n", **{**options, **wrong})[b"k"]
