"""Fixtures of the whole suite: servers, a client, a table name, options and a clock."""

from __future__ import annotations

import os
import re
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from botocore.handlers import BUILTIN_HANDLERS
from hypothesis import Phase, settings
from hypothesis.database import DirectoryBasedExampleDatabase
from moto.core.models import botocore_stubber

from beaker_dynamodb.config.options import Options
from beaker_dynamodb.dynamodb import circuit_breaker
from beaker_dynamodb.dynamodb.circuit_breaker import CircuitBreaker
from beaker_dynamodb.testing.local import EmbeddedDynamoDB
from tests.chaos.watch import RUN, whole_run
from tests.clock import Clock
from tests.dynamodb.breakers import reset_breakers
from tests.once import cache_botocore_models, collect_garbage_less_often
from tests.servers.direct import answer_directly
from tests.servers.dynamodb_local import DynamoDBLocal, Unavailable
from tests.servers.endpoint import Endpoint
from tests.servers.engines import ENGINES, VARIABLE
from tests.servers.recorder import CallRecorder
from tests.untraced import exclude_moto_and_botocore

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from types_boto3_dynamodb import DynamoDBClient

CACHE = Path(__file__).parent.parent / ".cache"

#: `python -m tests.engines` chooses another server.
ENGINE = os.environ.get(VARIABLE, "moto")
# Fixtures that have one value, the first, unless a test's mark asks for all of them.
AXES = [
    ("engine", "both_servers", ["moto", "local"] if ENGINE == "moto" else [ENGINE]),
    ("shape", "both_shapes", ["hash-only", "sorted"]),
]

# Hypothesis examples per property: `quick` on every Python version, `full` on one of them, `long`
# on request.
PROFILES = {"quick": 25, "full": 100, "long": 20_000}


def pytest_configure() -> None:
    """Hide the developer's AWS account and choose the hypothesis profile."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ["AWS_CONFIG_FILE"] = os.devnull
    os.environ["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    # All servers are on this machine: never ask a proxy for them.
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"

    if transport := os.environ.get("BEAKER_DYNAMODB_TRANSPORT"):
        # Make it the default for all tests that do not set it.
        defaults = Options.__init__.__kwdefaults__
        assert defaults is not None
        defaults["transport"] = transport

    os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = str(CACHE / "hypothesis")
    database = DirectoryBasedExampleDatabase(CACHE / "hypothesis" / "examples")
    for profile, examples in PROFILES.items():
        # No deadline: a busy machine is slow, not wrong.
        settings.register_profile(
            profile, max_examples=examples, deadline=None, database=database, print_blob=True
        )
    # For tests/mutation.py: the same few examples for each mutant, without shrinking.
    settings.register_profile(
        "mutation",
        max_examples=10,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
    )
    settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "full"))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Start one process more than there are cores: many tests wait for servers and processes."""
    return (os.cpu_count() or 1) + 1


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test on moto alone, unless its marks ask for another server or table shape too."""
    for name, mark, values in AXES:
        chosen = (mark.args[0] for mark in metafunc.definition.iter_markers("parametrize"))
        if name in metafunc.fixturenames and not any(name in names for names in chosen):
            marked = metafunc.definition.get_closest_marker(mark)
            metafunc.parametrize(name, values if marked else values[:1], scope="session")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests on DynamoDB Local and on sorted tables; run slow tests first."""
    # No core should wait for another one's last, long test.
    items.sort(key=lambda item: item.get_closest_marker("full") is None)
    for item in items:
        names = getattr(item, "fixturenames", ())
        parameters = getattr(getattr(item, "callspec", None), "params", {})
        on_local = parameters.get("engine") == "local" and ENGINE != "local"
        if "local_endpoint" in names or on_local:
            item.add_marker(pytest.mark.local)
        if parameters.get("shape") == "sorted":
            item.add_marker(pytest.mark.full)


def pytest_collection_finish() -> None:
    """Save a third of the suite's time, which it would spend in other packages."""
    # Otherwise no call is fast, because moto could answer it instead of the network.
    # mutmut collects several times in one process.
    with suppress(ValueError):
        BUILTIN_HANDLERS.remove(("before-send", botocore_stubber))
    cache_botocore_models()
    if sys.gettrace() is not None:  # coverage measures
        exclude_moto_and_botocore()
    collect_garbage_less_often()


@pytest.fixture(scope="session", autouse=True)
def _no_secret_is_shown() -> Iterator[None]:
    """Fail if a log record, an error or an output of the run shows a session id or a secret."""
    with whole_run():
        yield
    assert [] == RUN.found


@pytest.fixture(autouse=True)
def _errors_are_looked_at() -> Iterator[None]:
    yield
    RUN.look_at_errors()


@pytest.fixture(autouse=True)
def _circuit_breakers(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Isolate tests from each other's outages, and quick tests from slow machines' timeouts."""
    if request.node.get_closest_marker("full") is None:
        defaults = (Clock(), circuit_breaker._wait)
        monkeypatch.setattr(CircuitBreaker.__init__, "__defaults__", defaults)
    yield
    reset_breakers()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Check what tests and the processes that they started have printed."""
    report = yield
    RUN.look(report.capstdout, report.capstderr)
    return report


@pytest.fixture(scope="session")
def moto_endpoint() -> Iterator[Endpoint]:
    with EmbeddedDynamoDB() as server:
        answer_directly(server.endpoint_url)
        yield Endpoint("moto", server.endpoint_url)


@contextmanager
def dynamodb_local() -> Iterator[Endpoint]:
    """Run Amazon's DynamoDB Local; where it is not available, skip, or fail if it is required."""
    try:
        server = DynamoDBLocal(CACHE / "dynamodb-local")
    except Unavailable as error:
        reason = f"no DynamoDB Local: {error}"
        if os.environ.get("BEAKER_DYNAMODB_LOCAL") == "require":
            raise pytest.fail.Exception(reason, pytrace=False) from None
        raise pytest.skip.Exception(reason) from None
    yield Endpoint("local", server.endpoint_url)
    server.stop()


@pytest.fixture(scope="session")
def local_endpoint() -> Iterator[Endpoint]:
    with dynamodb_local() as endpoint:
        yield endpoint


@pytest.fixture(scope="session")
def endpoint(request: pytest.FixtureRequest, engine: str) -> Endpoint:
    """The server of the test: moto, or with the mark `both_servers` each of the two."""
    name = engine if engine in ("moto", "local") else "other"
    endpoint: Endpoint = request.getfixturevalue(f"{name}_endpoint")
    return endpoint


@pytest.fixture(scope="session")
def other_endpoint() -> Iterator[Endpoint]:
    """The server that `python -m tests.engines` chose."""
    with ENGINES[ENGINE](CACHE) as endpoint:
        yield endpoint


@pytest.fixture
def client(endpoint: Endpoint) -> DynamoDBClient:
    """A plain boto3 client, to inspect a table independently of the package."""
    return endpoint.client


@pytest.fixture
def calls(client: DynamoDBClient) -> Iterator[CallRecorder]:
    """The API calls made through the fixture `client` during the test."""
    with CallRecorder(client) as recorder:
        yield recorder


@pytest.fixture
def table_name(request: pytest.FixtureRequest) -> str:
    """The name of a table that does not exist yet and is unique to the test."""
    # DynamoDB allows 3 to 255 of these characters.
    readable = re.sub(r"[^A-Za-z0-9_.-]", "-", request.node.name)[:60]
    return f"{readable}-{uuid4().hex}"


@pytest.fixture
def options(endpoint: Endpoint, table_name: str) -> dict[str, object]:
    """Options of a namespace manager for the test's table."""
    return {"table_name": table_name, **endpoint.options}


@pytest.fixture
def clock() -> Clock:
    return Clock()
