"""SessionMiddleware: its options, Paste, and sessions by id."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from paste.deploy import loadapp

from beaker_dynamodb import (
    ConfigurationError,
    DynamoDBNamespaceManager,
    DynamoDBSession,
    PayloadError,
    StoreUnavailable,
)
from beaker_dynamodb.middleware import SessionMiddleware
from tests.beaker import items
from tests.items.encoded import overwrite
from tests.servers.endpoint import DynamoDBClient, Endpoint
from tests.sessions.site import Site, paste_app, store, values, visit
from tests.wsgi.outage import WRITES, Outage
from tests.wsgi.raw import Options, page, send, stored, wrap


def session_class(session: Any) -> type:
    return type(session._session())


# -- options ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["memory", "file"])
def test_another_type_is_stored_by_beaker(tmp_path: Path, kind: str) -> None:
    site = Site("ours", {"type": kind, "data_dir": str(tmp_path)})
    cookie = site(store(name="Ada")).cookie

    def regenerate(session: Any) -> bool:
        session.regenerate_id()
        session.save()
        return isinstance(session.namespace, DynamoDBNamespaceManager)

    answer = site(regenerate, cookie)
    assert answer.result is False
    assert {"name": "Ada"} == site(values, answer.cookie).result
    site(lambda session: session.invalidate() or session.delete(), answer.cookie)


def test_a_session_in_its_cookie_is_stored_by_beaker() -> None:
    site = Site("ours", {"type": "cookie", "validate_key": "v"})
    assert {"name": "Ada"} == site(values, site(store(name="Ada")).cookie).result


def test_the_session_class_is_chosen_by_type(options: Options) -> None:
    given: list[Options] = [{}, {"session_class": ""}, {"session_class": "from an INI file"}]
    given += [{"type": "memory", "namespace_class": DynamoDBNamespaceManager}]
    for extra in given:
        assert DynamoDBSession is Site("ours", {**options, **extra})(session_class).result


def test_a_session_class_that_needs_dynamodb_is_refused_at_start_with_another_type() -> None:
    with pytest.raises(ConfigurationError, match=r"session\.type is 'memory'"):
        Site("ours", {"type": "memory", "session_class": DynamoDBSession})


def test_a_cookie_that_browsers_drop_is_a_warning_at_startup(
    caplog: pytest.LogCaptureFixture,
) -> None:
    for kept in ({"samesite": "None", "secure": "true"}, {"samesite": "None"}, {"samesite": "Lax"}):
        wrap(page(values), kept)
    wrap(page(values), {"samesite": None})
    assert [] == caplog.messages
    wrap(page(values), {"samesite": "none", "secure": "false"})
    (message,) = caplog.messages
    assert "SameSite=None" in message


@pytest.mark.parametrize(
    "use",
    [
        "use = egg:beaker-dynamodb#session",
        "paste.filter_factory = beaker_dynamodb.middleware:session_filter_factory",
        "paste.filter_app_factory = beaker_dynamodb.middleware:session_filter_app_factory",
    ],
)
def test_paste(tmp_path: Path, moto_endpoint: Endpoint, table_name: str, use: str) -> None:
    options = {"table_name": table_name, **moto_endpoint.options}
    lines = "\n".join(f"beaker.session.{name} = {value}" for name, value in options.items())
    (tmp_path / "app.ini").write_text(
        "[pipeline:main]\npipeline = session app\n"
        f"[filter:session]\n{use}\n{lines}\n"
        "beaker.session.invalidate_corrupt = false\n"
        "[app:app]\npaste.app_factory = tests.sessions.site:paste_app\n"
    )
    wsgi = loadapp(f"config:{tmp_path / 'app.ini'}")
    cookie = visit(wsgi, store(name="Ada")).cookie
    assert {"name": "Ada"} == visit(wsgi, values, cookie).result
    assert DynamoDBSession is visit(wsgi, session_class, cookie).result
    assert visit(wsgi, lambda session: session.invalidate_corrupt, cookie).result is False


def test_pastes_registry_and_webtest_get_the_session(options: Options) -> None:
    wsgi = SessionMiddleware(paste_app({}), {"session.webtest_varname": "session"}, **options)
    registry, variables = Mock(reglist=[{}]), dict[str, Any]()
    extras: Options = {"paste.registry": registry, "paste.testing_variables": variables}
    send(wsgi, **{"test.action": values, **extras})
    registry.register.assert_called_once_with(wsgi.session, variables["session"])
    assert DynamoDBSession is session_class(variables["session"])


def test_the_length_and_truth_of_a_session(options: Options) -> None:
    """The truth of a session costs no read, because applications test for None by it."""

    def look(session: Any) -> tuple[bool, bool, bool]:
        truth, accessed = bool(session), session.accessed()
        session["name"] = "Ada"
        return truth, accessed, len(session) == len(list(session)) > 1

    assert (True, False, True) == Site("ours", options)(look).result


# -- sessions by id -----------------------------------------------------------------------------


@pytest.fixture
def session_id(cookie: str) -> str:
    return cookie.partition("=")[2]


#: Beaker's own `get_by_id` raises TypeError if `use_cookies` is given.
@pytest.mark.parametrize(
    "setting", [{}, {"use_cookies": True}, {"use_cookies": False}, {"secret": "s"}], ids=str
)
def test_changes_of_a_session_by_id_act_immediately(
    options: Options, cookie: str, session_id: str, setting: Options
) -> None:
    def change(session: Any) -> None:
        store(name="Grace")(session.get_by_id(session_id))
        assert {"name": "Grace"} == stored(options, cookie)
        session.get_by_id(session_id).delete()
        assert {} == stored(options, cookie)

    assert [] == Site("ours", {**options, **setting})(change).set_cookies


def test_a_session_by_id_can_be_invalidated(options: Options, cookie: str, session_id: str) -> None:
    Site("ours", options)(lambda session: session.get_by_id(session_id).invalidate())
    assert {} == stored(options, cookie)


def test_an_unknown_id_returns_none_and_creates_nothing(
    options: Options, session_id: str, client: DynamoDBClient
) -> None:
    ids = ["0123456789abcdef" * 2, "device-1", "", None]
    found = Site("ours", options)(lambda session: [session.get_by_id(id) for id in ids]).result
    assert [None] * 4 == found
    assert 1 == len(items(client, options["table_name"]))


def test_errors_of_a_session_by_id_are_raised(
    options: Options, session_id: str, outage: Outage, client: DynamoDBClient
) -> None:
    site = Site("ours", {**options, "invalidate_corrupt": False})
    with outage.of("GetItem"), pytest.raises(StoreUnavailable):
        site(lambda session: session.get_by_id(session_id))

    def delete(session: Any) -> None:
        other = session.get_by_id(session_id)
        with outage.of(*WRITES), pytest.raises(StoreUnavailable):
            other.delete()

    site(delete)
    overwrite(client, options["table_name"], data={"B": b"\x80\x02garbage"})
    with pytest.raises(PayloadError):
        site(lambda session: session.get_by_id(session_id))


def test_get_session_of_the_environment_returns_a_new_session(
    options: Options, client: DynamoDBClient
) -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        session = environ["beaker.get_session"]()
        assert type(session) is DynamoDBSession
        store(name="Ada")(session)
        found.append(values(environ["beaker.session"].get_by_id(session.id)))
        start_response("200 OK", [])
        return [b""]

    found: list[Any] = []
    assert [] == send(wrap(app, options)).all("Set-Cookie")
    assert [{"name": "Ada"}] == found
    assert 1 == len(items(client, options["table_name"]))


def test_sessions_by_id_are_of_the_applications_class(options: Options) -> None:
    class Own(DynamoDBSession):
        pass

    def save(session: Any) -> list[type]:
        store(name="Ada")(session)
        session.persist()
        return [session_class(session), type(session.get_by_id(session.id))]

    assert [Own, Own] == Site("ours", {**options, "session_class": Own})(save).result
