"""Fixtures of the whole suite: the servers, a client, names and options for a test, a clock."""

from __future__ import annotations

import os
import re
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from hypothesis import Phase, settings
from hypothesis.database import DirectoryBasedExampleDatabase

from beaker_dynamodb.config.options import Options
from beaker_dynamodb.testing.local import EmbeddedDynamoDB
from tests.chaos.watch import RUN, whole_run
from tests.clock import Clock
from tests.once import look_for_garbage_less, parse_models_once
from tests.servers.dynamodb_local import DynamoDBLocal, Unavailable
from tests.servers.endpoint import Endpoint
from tests.servers.recorder import CallRecorder
from tests.untraced import leave_out_servers_and_protocol

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from types_boto3_dynamodb import DynamoDBClient

CACHE = Path(__file__).parent.parent / ".cache"

# Fixture, the mark with which a test asks for every value of it, and the values: the first is what
# other tests get.
AXES = [
    ("engine", "both_servers", ["moto", "local"]),
    ("shape", "both_shapes", ["hash-only", "sorted"]),
]

# Examples per property. `quick` is for every Python version, `full` for one of them; `long` is for
# a night on which somebody has a suspicion.
PROFILES = {"quick": 25, "full": 100, "long": 20_000}


def pytest_configure() -> None:
    """Cut the run off from the developer's AWS account and choose hypothesis's profile."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ["AWS_CONFIG_FILE"] = os.devnull
    os.environ["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    # All servers are on this machine: a proxy on the way out must not be asked for them.
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"

    if transport := os.environ.get("BEAKER_DYNAMODB_TRANSPORT"):
        # As if it were the default: for every test that does not say.
        defaults = Options.__init__.__kwdefaults__
        assert defaults is not None
        defaults["transport"] = transport

    os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = str(CACHE / "hypothesis")
    database = DirectoryBasedExampleDatabase(CACHE / "hypothesis" / "examples")
    for profile, examples in PROFILES.items():
        # No deadline: a machine that is busy with four other test runs is slow, not wrong.
        settings.register_profile(
            profile, max_examples=examples, deadline=None, database=database, print_blob=True
        )
    # For tests/mutation.py: the same few examples for every mutant, and no time spent on shrinking.
    settings.register_profile(
        "mutation",
        max_examples=10,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
    )
    settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "full"))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test on moto alone, unless its marks ask for another server or table shape too."""
    for name, mark, values in AXES:
        chosen = (mark.args[0] for mark in metafunc.definition.iter_markers("parametrize"))
        if name in metafunc.fixturenames and not any(name in names for names in chosen):
            marked = metafunc.definition.get_closest_marker(mark)
            metafunc.parametrize(name, values if marked else values[:1], scope="session")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs DynamoDB Local, and the second shape of tables; slow tests come first."""
    # So that no core waits for another one's last, long test.
    items.sort(key=lambda item: item.get_closest_marker("full") is None)
    for item in items:
        names = getattr(item, "fixturenames", ())
        parameters = getattr(getattr(item, "callspec", None), "params", {})
        if "local_endpoint" in names or parameters.get("engine") == "local":
            item.add_marker(pytest.mark.local)
        if parameters.get("shape") == "sorted":
            item.add_marker(pytest.mark.full)


def pytest_collection_finish() -> None:
    """Save what all tests together would spend on other people's code: a third of their time."""
    parse_models_once()
    if sys.gettrace() is not None:  # coverage measures
        leave_out_servers_and_protocol()
    look_for_garbage_less()


@pytest.fixture(scope="session", autouse=True)
def _no_secret_is_shown() -> Iterator[None]:
    """In no log record, error or output of the whole run is a session's id, or what was planted."""
    with whole_run():
        yield
    assert [] == RUN.found


@pytest.fixture(autouse=True)
def _errors_are_looked_at() -> Iterator[None]:
    """With their causes, and not longer kept than for the test."""
    yield
    RUN.look_at_errors()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Look at what tests, and the processes that they have started, have printed."""
    report = yield
    RUN.look(report.capstdout, report.capstderr)
    return report


@pytest.fixture(scope="session")
def moto_endpoint() -> Iterator[Endpoint]:
    """The embedded DynamoDB: always there."""
    with EmbeddedDynamoDB() as server:
        yield Endpoint("moto", server.endpoint_url)


@contextmanager
def dynamodb_local() -> Iterator[Endpoint]:
    """Run Amazon's DynamoDB Local; if it is not here, skip, or fail where it was promised."""
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
    """Amazon's DynamoDB Local, one for the whole run."""
    with dynamodb_local() as endpoint:
        yield endpoint


@pytest.fixture(scope="session")
def endpoint(request: pytest.FixtureRequest, engine: str) -> Endpoint:
    """The server of the test: moto, and with the mark `both_servers` DynamoDB Local as well."""
    endpoint: Endpoint = request.getfixturevalue(f"{engine}_endpoint")
    return endpoint


@pytest.fixture
def client(endpoint: Endpoint) -> DynamoDBClient:
    """A plain boto3 client, to look at a table behind the package's back."""
    return endpoint.client


@pytest.fixture
def calls(client: DynamoDBClient) -> Iterator[CallRecorder]:
    """The API calls made through the fixture `client` during the test."""
    with CallRecorder(client) as recorder:
        yield recorder


@pytest.fixture
def table_name(request: pytest.FixtureRequest) -> str:
    """The name of a table that no other test has, and that does not exist yet."""
    # DynamoDB takes 3 to 255 of these characters.
    readable = re.sub(r"[^A-Za-z0-9_.-]", "-", request.node.name)[:60]
    return f"{readable}-{uuid4().hex}"


@pytest.fixture
def options(endpoint: Endpoint, table_name: str) -> dict[str, object]:
    """Options for a namespace manager: the test's own table on the server of the moment."""
    return {"table_name": table_name, **endpoint.options}


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still until the test moves it."""
    return Clock()
