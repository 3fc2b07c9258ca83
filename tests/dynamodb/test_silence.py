"""After an unanswered call, the same request sends no other call for 5 seconds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError
from pyramid.testing import DummyRequest
from pyramid_beaker import session_factory_from_settings

from beaker_dynamodb import DynamoDBNamespaceManager, DynamoDBSession, StoreUnavailable
from beaker_dynamodb.dynamodb import silence
from beaker_dynamodb.dynamodb.silence import MEMORY_SECONDS
from tests.clock import Clock
from tests.sessions.driven import Visitor, save
from tests.sessions.site import Site, store, values

# Beaker warns if it replaces a session that it failed to load.
pytestmark = pytest.mark.filterwarnings("ignore:Invalidating corrupt session")

SITES: dict[str, tuple[str, dict[str, object]]] = {
    "ours": ("ours", {}),
    "beaker": ("beaker", {"invalidate_corrupt": False}),
    "beaker, by default": ("beaker", {}),
}


class Network:
    """A client's network. While it is down, requests fail with ReadTimeoutError."""

    def __init__(self, client: Any) -> None:
        self.down = False
        #: Requests that were not answered.
        self.lost = 0
        self._events = client.meta.events
        self._events.register_first("before-send.dynamodb", self._send)

    def close(self) -> None:
        self._events.unregister("before-send.dynamodb", self._send)

    def _send(self, **_: object) -> None:
        if self.down:
            self.lost += 1
            raise ReadTimeoutError(endpoint_url="http://127.0.0.1")


@pytest.fixture
def options(options: dict[str, Any]) -> dict[str, Any]:
    return {**options, "max_attempts": 1, "transport": "boto3"}


@pytest.fixture
def network(options: dict[str, Any]) -> Iterator[Network]:
    network = Network(DynamoDBNamespaceManager("id", **options).client)
    yield network
    network.close()


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock(1_000.0)
    monkeypatch.setattr(silence, "monotonic", clock)
    return clock


@pytest.fixture(params=SITES)
def site(request: pytest.FixtureRequest, options: dict[str, Any]) -> Site:
    middleware, more = SITES[request.param]
    return Site(middleware, {**options, **more})


@pytest.fixture
def cookie(options: dict[str, Any]) -> str:
    return Site("ours", options)(store(name="Ada")).cookie


class ApplicationError(Exception):
    """Ends a request without a response, before the middleware saves."""


def caught(access: Callable[[], object]) -> StoreUnavailable:
    with pytest.raises(StoreUnavailable) as error:
        access()
    return error.value


def test_a_request_sends_one_unanswered_call(
    network: Network, site: Site, cookie: str, clock: Clock
) -> None:
    network.down = True
    errors: list[StoreUnavailable] = []

    def access(session: Any) -> None:
        for access in (
            lambda: session["name"],
            lambda: session.get("name"),
            lambda: "name" in session,
            lambda: session.setdefault("name", "Eve"),
        ):
            errors.append(caught(access))
            clock.advance(1)

    site(access, cookie)
    assert 1 == network.lost
    assert 4 == len({id(error) for error in errors})
    assert {(None, "GetItem")} == {(error.aws_code, error.operation) for error in errors}
    for seconds, error in enumerate(errors[1:], 1):
        assert f"did not answer this request {seconds}.0 s ago" in str(error)
    network.down = False
    assert {"name": "Ada"} == site(values, cookie).result


def test_other_requests_send_their_calls(network: Network, site: Site, cookie: str) -> None:
    def access(session: Any) -> Any:
        network.down = True
        caught(lambda: session["name"])
        network.down = False
        return site(values, cookie).result

    assert {"name": "Ada"} == site(access, cookie).result


def test_a_long_request_tries_again(
    network: Network, site: Site, cookie: str, clock: Clock
) -> None:
    def stream(session: Any) -> Any:
        network.down = True
        caught(lambda: session["name"])
        clock.advance(MEMORY_SECONDS - 0.1)
        caught(lambda: session["name"])
        assert 1 == network.lost
        network.down = False
        clock.advance(0.1)
        return values(session)

    assert {"name": "Ada"} == site(stream, cookie).result


def test_after_an_unanswered_save_no_save_is_sent(
    network: Network, site: Site, cookie: str
) -> None:
    def save_twice(session: Any) -> None:
        session["name"] = "Grace"
        session.save()
        network.down = True
        assert "did not answer within read_timeout" in str(caught(session.persist))
        assert "not sent" in str(caught(session.persist))
        assert 1 == network.lost
        network.down = False
        assert "not sent" in str(caught(session.persist))
        raise ApplicationError

    with pytest.raises(ApplicationError):
        site(save_twice, cookie)
    assert {"name": "Ada"} == site(values, cookie).result


def test_after_an_unanswered_refresh_no_save_is_sent(
    network: Network, options: dict[str, Any], cookie: str
) -> None:
    def stream(session: Any) -> None:
        assert "Ada" == session["name"]
        network.down = True
        session.persist()
        session["name"] = "Grace"
        session.save()
        assert "not sent" in str(caught(session.persist))
        assert 1 == network.lost
        raise ApplicationError

    with pytest.raises(ApplicationError):
        Site("ours", {**options, "touch_interval": 0})(stream, cookie)


def test_after_an_error_response_calls_are_sent(
    site: Site, cookie: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def access(session: Any) -> Any:
        assert "Ada" == session["name"]
        session["name"] = "Grace"
        session.save()
        with monkeypatch.context() as patch:
            error = StoreUnavailable("busy", aws_code="ThrottlingException")
            patch.setattr("beaker_dynamodb.dynamodb.calls.TableCalls._call", raising(error))
            assert "ThrottlingException" == caught(session.persist).aws_code
        session.save()
        session.persist()

    site(access, cookie)
    assert {"name": "Grace"} == site(values, cookie).result


def raising(error: Exception) -> Callable[..., None]:
    def call(*_: object) -> None:
        raise error

    return call


@pytest.mark.parametrize("more", [{}, {"session.session_class": DynamoDBSession}])
def test_a_pyramid_request_sends_one_unanswered_call(
    network: Network, options: dict[str, Any], cookie: str, more: dict[str, Any]
) -> None:
    settings = {"type": "ext:dynamodb", **options}
    factory = session_factory_from_settings(
        {f"session.{name}": value for name, value in settings.items()} | more
    )
    session = factory(DummyRequest(environ={"HTTP_COOKIE": cookie}))
    network.down = True
    caught(lambda: session["name"])
    caught(session.pop_flash)
    caught(session.get_csrf_token)
    assert 1 == network.lost


def test_a_session_without_a_cookie_may_try_again(
    network: Network, options: dict[str, Any]
) -> None:
    visitor = Visitor(options, DynamoDBSession)
    visitor.starts(a=1)
    session = visitor.request()
    network.down = True
    caught(lambda: save(session, b=2))
    network.down = False
    save(session, b=2)
    assert {"a": 1, "b": 2} == visitor.finds()
