"""Under gevent: 200 greenlets in one thread."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

PROGRAM = """
from gevent import monkey
monkey.patch_all()

import json, sys, warnings
from gevent.pool import Pool
from beaker.cache import CacheManager
from webtest import TestApp
from beaker_dynamodb.middleware import SessionMiddleware
from tests.sessions.site import values

warnings.simplefilter("error")
options = json.loads(sys.argv[1])
made = []
cache = CacheManager(type="ext:dynamodb", expire=60, **options).get_cache("pages")

def make():
    made.append(1)
    return "value"

def app(environ, start_response):
    session = environ["beaker.session"]
    name, = environ["QUERY_STRING"].split("=")[:1]
    session[name] = True
    session.save()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [cache.get("page", createfunc=make).encode()]

wsgi = SessionMiddleware(
    app, {f"session.{k}": v for k, v in options.items()}, type="ext:dynamodb"
)
first = TestApp(wsgi)
first.get("/?k0")
cookie = first.cookies["beaker.session.id"]

def visit(number):
    web = TestApp(wsgi)
    web.set_cookie("beaker.session.id", cookie)
    return web.get(f"/?k{number}").text[:5]

assert {"value"} == set(Pool(200).map(visit, range(1, 201)))
found = values(first.get("/?k0").request.environ["beaker.session"])
assert {f"k{n}" for n in range(201)} == set(found), len(found)
assert [1] == made
"""


def run(program: str, *arguments: str) -> str:
    """Run a program that must succeed, and return its errors."""
    pytest.importorskip("gevent", reason="no gevent: pip install 'beaker-dynamodb[servers]'")
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True
    )
    assert 0 == done.returncode, done.stderr
    return done.stderr


#: The test must not depend on the speed of the machine.
PATIENT = {"lock_timeout": 600, "read_timeout": 60, "total_timeout": 600}


@pytest.mark.full
@pytest.mark.parametrize("engine", ["local"], scope="session")  # whose connections stay open
def test_200_greenlets(options: dict[str, Any]) -> None:
    """All 200 requests at once on one session are kept, and one of them makes the value."""
    assert "" == run(PROGRAM, json.dumps({**options, **PATIENT}))


LATE = """
from beaker_dynamodb.config.options import Options
from beaker_dynamodb.dynamodb import open_circuit
from beaker_dynamodb.dynamodb.circuit_breaker import CircuitBreaker

from gevent import monkey
monkey.patch_all()

import gevent

open_circuit.FIRST_PROBE_SECONDS = 0.01
breaker = CircuitBreaker()
probed = gevent.event.Event()

def probe():
    breaker.begin("GetItem", Options(), probe)
    breaker.answered()
    breaker.end()
    probed.set()

breaker._open("no answer", probe)
probed.wait()
assert not breaker.is_open
"""


def test_the_circuit_breaker_probes_if_gevent_patches_after_the_import() -> None:
    """As in a worker of ``gunicorn --preload -k gevent``."""
    assert "Traceback" not in run(LATE)


ABORTED = """
from gevent import monkey
monkey.patch_all()

import json
import gevent
from gevent.event import Event
from beaker_dynamodb import DynamoDBNamespaceManager
from tests.dynamodb.fake_server import KEY, OFFLINE, FakeServer

arrived, late = Event(), Event()

def plan(request):
    if request.body.count(b"slow"):
        arrived.set()
        late.wait()
        return {"body": json.dumps({"Item": {"of": {"S": "the aborted call"}}}).encode()}
    return {}

with FakeServer() as server:
    cache = DynamoDBNamespaceManager("n", **{**OFFLINE, "endpoint_url": server.url})
    assert "value" == cache[b"k"]
    server.plan = plan
    call = cache.backend.items.call
    aborted = gevent.spawn(call, "get_item", Key={"id": {"S": "slow"}})
    arrived.wait()
    assert "amz-sdk-request" not in server.requests[-1].headers
    aborted.kill()
    late.set()
    assert "value" == cache[b"k"]
    assert "value" == cache[b"k"]
"""


@pytest.mark.full
def test_the_response_to_a_killed_greenlets_call_reaches_no_other_call() -> None:
    run(ABORTED)
