"""Tracers, recorders and mocks see each call, whether they begin before or after the first one."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.full

PROGRAM = """
import json, sys, warnings
warnings.simplefilter("ignore")
from beaker_dynamodb import DynamoDBNamespaceManager
from tests.dynamodb.fake_server import OFFLINE, FakeServer

def begin():
    {begin}

def call():
    server.requests.clear()
    for _ in range(2):
        try:
            cache[b"k"]
        except KeyError:
            pass  # a mock has no items
    return ["amz-sdk-request" not in request.headers for request in server.requests]

with FakeServer() as server:
    cache = DynamoDBNamespaceManager("n", **{{**OFFLINE, "endpoint_url": server.url}})
    if {before}:
        begin()
    first = call()
    if not {before}:
        begin()
    print(json.dumps([first, call()]))
    sys.stdout.flush()
    __import__("os")._exit(0)  # a tracer would try to reach its own server
"""

#: How each package begins, by name.
PACKAGES = {
    "opentelemetry.instrumentation.botocore": """
    from opentelemetry.instrumentation.botocore import BotocoreInstrumentor
    BotocoreInstrumentor().instrument()
""",
    "opentelemetry.instrumentation.urllib3": """
    from opentelemetry.instrumentation.urllib3 import URLLib3Instrumentor
    URLLib3Instrumentor().instrument()
""",
    "aws_xray_sdk": """
    from aws_xray_sdk.core import patch, xray_recorder
    xray_recorder.configure(context_missing="IGNORE_ERROR")
    patch(["botocore"])
""",
    "ddtrace": """
    import ddtrace
    ddtrace.patch(botocore=True)
""",
    "newrelic": """
    import newrelic.agent
    newrelic.agent.initialize()
""",
    "sentry_sdk": """
    import sentry_sdk
    sentry_sdk.init(dsn="http://any@127.0.0.1:1/1")
""",
    "vcr": """
    import vcr
    global recording
    recording = vcr.use_cassette(sys.argv[1] + "/cassette.yaml")
    recording.__enter__()
""",
    "moto": """
    from moto import mock_aws
    mock_aws().start()
    from moto.core import patch_client
    if {late}:
        patch_client(cache.client)
""",
}


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
@pytest.mark.parametrize("package", PACKAGES)
def test_it_sees_each_call(package: str, before: bool, tmp_path: Path) -> None:
    try:
        found = importlib.util.find_spec(package)
    except ModuleNotFoundError:
        found = None
    if found is None:
        pytest.skip(f"no {package}: pip install 'beaker-dynamodb[servers]'")
    begin = PACKAGES[package].strip().replace("{late}", repr(not before))
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(begin=begin, before=before), str(tmp_path)],
        check=False,
        capture_output=True,
        text=True,
    )
    assert 0 == done.returncode, done.stderr
    first, second = json.loads(done.stdout)
    assert before or [False, True] == first
    assert True not in second
