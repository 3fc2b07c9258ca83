"""A request that got no answer from the store asks it no more, for 5 seconds at most."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from pyramid.testing import DummyRequest
from pyramid_beaker import session_factory_from_settings

from beaker_dynamodb import DynamoDBSession, StoreUnavailable
from beaker_dynamodb.dynamodb import silence as memory
from beaker_dynamodb.dynamodb.silence import MEMORY_SECONDS
from tests.chaos.faults import answers, refusal, silence
from tests.chaos.load import SITES
from tests.chaos.proxy import Plan
from tests.clock import Clock
from tests.sessions.driven import Visitor, save
from tests.sessions.site import Site, store, values

if TYPE_CHECKING:
    from tests.chaos.proxy import FaultProxy

ONCE = {"read_timeout": 1.0, "max_attempts": 1}
#: By default Beaker's own answers a failed load with a new session, and loads that.
ALL_SITES: dict[str, dict[str, object]] = {**SITES, "beaker, by default": {}}

# Whose silence it is makes no difference: the server never hears of the calls.
pytestmark = [
    # Beaker's own warning, where it answers the error with a new session.
    pytest.mark.filterwarnings("ignore:Invalidating corrupt session"),
]


@pytest.fixture(autouse=True)
def watch(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of what requests remember."""
    watch = Clock(1_000.0)
    monkeypatch.setattr(memory, "monotonic", watch)
    return watch


@pytest.fixture(params=ALL_SITES)
def site(request: pytest.FixtureRequest, through: dict[str, object]) -> Site:
    return Site(request.param.split(",")[0], {**through, **ONCE, **ALL_SITES[request.param]})


@pytest.fixture
def cookie(through: dict[str, object]) -> str:
    return Site("ours", through)(store(name="Ada")).cookie


class ApplicationError(Exception):
    """Ends a request without a response, before the middleware saves."""


def caught(access: Callable[[], object]) -> StoreUnavailable:
    with pytest.raises(StoreUnavailable) as error:
        access()
    return error.value


def test_four_layers_ask_once(proxy: FaultProxy, site: Site, cookie: str, watch: Clock) -> None:
    plan = proxy.inject(Plan(silence))
    errors: list[StoreUnavailable] = []

    def layers(session: Any) -> None:
        for access in (
            lambda: session["name"],
            lambda: session.get("name"),
            lambda: "name" in session,
            lambda: session.setdefault("name", "Eve"),
        ):
            errors.append(caught(access))
            watch.advance(1)

    site(layers, cookie)

    assert 1 == plan.requests
    assert 4 == len({id(error) for error in errors})
    assert [None] * 4 == [error.aws_code for error in errors]
    assert {"GetItem"} == {error.operation for error in errors}
    for seconds, error in enumerate(errors[1:], 1):
        assert f"did not answer this request {seconds}.0 s ago" in str(error)


def test_the_next_request_asks(proxy: FaultProxy, site: Site, cookie: str) -> None:
    proxy.inject(Plan(silence))
    site(lambda session: caught(lambda: session["name"]), cookie)
    answers(proxy)
    assert {"name": "Ada"} == site(values, cookie).result


def test_a_request_of_another_visitor_asks(proxy: FaultProxy, site: Site, cookie: str) -> None:
    proxy.inject(Plan(silence))

    def slow(session: Any) -> Any:
        caught(lambda: session["name"])
        answers(proxy)
        return site(values, cookie).result

    assert {"name": "Ada"} == site(slow, cookie).result


def test_a_request_that_lasts_asks_again(
    proxy: FaultProxy, site: Site, cookie: str, watch: Clock
) -> None:
    plan = proxy.inject(Plan(silence))

    def stream(session: Any) -> Any:
        caught(lambda: session["name"])
        watch.advance(MEMORY_SECONDS - 0.1)
        caught(lambda: session["name"])
        assert 1 == plan.requests
        answers(proxy)
        watch.advance(0.1)
        return values(session)

    assert {"name": "Ada"} == site(stream, cookie).result


def test_a_save_after_an_unanswered_save_is_refused(
    proxy: FaultProxy, site: Site, cookie: str
) -> None:
    def save_twice(session: Any) -> None:
        session["name"] = "Grace"
        session.save()
        plan = proxy.inject(Plan(silence))
        assert "ReadTimeoutError" in str(caught(session.persist))
        assert "not sent" in str(caught(session.persist))
        assert 1 == plan.requests
        answers(proxy)
        assert "not sent" in str(caught(session.persist))
        raise ApplicationError

    with pytest.raises(ApplicationError):
        site(save_twice, cookie)
    assert {"name": "Ada"} == site(values, cookie).result


def test_a_refresh_that_got_no_answer_is_remembered_too(
    proxy: FaultProxy, through: dict[str, object], cookie: str
) -> None:
    site = Site("ours", {**through, **ONCE, "touch_interval": 0})

    def stream(session: Any) -> None:
        assert "Ada" == session["name"]
        plan = proxy.inject(Plan(silence))
        session.persist()
        session["name"] = "Grace"
        session.save()
        assert "not sent" in str(caught(session.persist))
        assert 1 == plan.requests
        raise ApplicationError

    with pytest.raises(ApplicationError):
        site(stream, cookie)


def test_an_error_that_was_answered_is_not_remembered(
    proxy: FaultProxy, site: Site, cookie: str
) -> None:
    def catch(session: Any) -> Any:
        assert "Ada" == session["name"]
        session["name"] = "Grace"
        session.save()
        proxy.inject(Plan(refusal(400, "ThrottlingException")))
        assert "ThrottlingException" == caught(session.persist).aws_code
        answers(proxy)
        session.save()
        session.persist()

    site(catch, cookie)
    assert {"name": "Grace"} == site(values, cookie).result


@pytest.mark.parametrize("more", [{}, {"session.session_class": DynamoDBSession}])
def test_pyramid_asks_once(
    proxy: FaultProxy, through: dict[str, object], cookie: str, more: dict[str, Any]
) -> None:
    settings = {"type": "ext:dynamodb", **through, **ONCE}
    factory = session_factory_from_settings(
        {f"session.{name}": value for name, value in settings.items()} | more
    )
    session = factory(DummyRequest(environ={"HTTP_COOKIE": cookie}))
    plan = proxy.inject(Plan(silence))
    caught(lambda: session["name"])
    caught(session.pop_flash)
    caught(session.get_csrf_token)
    assert 1 == plan.requests


def test_a_program_without_cookies_may_try_again(
    proxy: FaultProxy, through: dict[str, object]
) -> None:
    visitor = Visitor({**through, **ONCE}, DynamoDBSession)
    visitor.starts(a=1)
    session = visitor.request()
    proxy.inject(Plan(silence))
    caught(lambda: save(session, b=2))
    answers(proxy)
    save(session, b=2)
    assert {"a": 1, "b": 2} == visitor.finds()
