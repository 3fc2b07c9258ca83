"""Sessions by id, from an admin's page: ours, however they are obtained, and acting at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from beaker_dynamodb import DynamoDBSession, PayloadError, StoreUnavailable
from beaker_dynamodb.middleware import SessionMiddleware
from tests.sessions.site import Site, store, values, visit
from tests.wsgi.outage import WRITES, Outage

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

Options = dict[str, Any]
#: With cookies or without, and said or not: Beaker's own raise TypeError for each that says.
SETTINGS: list[Options] = [{}, {"use_cookies": True}, {"use_cookies": False}, {"secret": "s"}]
UNKNOWN = "0123456789abcdef" * 2

pytestmark = pytest.mark.parametrize("setting", SETTINGS, ids=str)


@pytest.fixture
def site(options: Options, setting: Options) -> Site:
    """The admin's application."""
    return Site("ours", {**options, **setting})


@pytest.fixture
def ada(options: Options) -> tuple[str, str]:
    """Cookie and id of a visitor."""
    users = Site("ours", options)
    cookie = users(store(name="Ada")).cookie
    return cookie, users(lambda session: session.id, cookie).result


def found(options: Options, cookie: str) -> dict[str, Any]:
    """Return what the visitor's next request finds."""
    result: dict[str, Any] = Site("ours", options)(values, cookie).result
    return result


def count(options: Options, client: DynamoDBClient) -> int:
    """Return the number of items in the table."""
    return client.scan(TableName=options["table_name"])["Count"]


@pytest.mark.parametrize("end", ["delete", "invalidate"])
def test_a_visitor_is_logged_out_at_once(
    options: Options, site: Site, ada: tuple[str, str], end: str
) -> None:
    cookie, id = ada

    def log_out(session: Any) -> None:
        other = session.get_by_id(id)
        assert type(other) is DynamoDBSession
        getattr(other, end)()
        assert {} == found(options, cookie)

    assert [] == site(log_out).set_cookies
    assert {} == found(options, cookie)


def test_a_change_is_saved_at_once(options: Options, site: Site, ada: tuple[str, str]) -> None:
    cookie, id = ada

    def change(session: Any) -> None:
        other = session.get_by_id(id)
        other["name"] = "Grace"
        other.save()

    assert [] == site(change).set_cookies
    assert {"name": "Grace"} == found(options, cookie)


def test_an_unknown_id_is_none_and_creates_nothing(
    options: Options, site: Site, ada: tuple[str, str], client: DynamoDBClient
) -> None:
    def look(session: Any) -> list[Any]:
        return [session.get_by_id(id) for id in (UNKNOWN, "device-1", "", None)]

    assert [None] * 4 == site(look).result
    assert 1 == count(options, client)


def test_an_error_of_the_store_is_raised_and_names_no_id(
    site: Site, ada: tuple[str, str], outage: Outage
) -> None:
    _, id = ada
    with outage.of("GetItem"), pytest.raises(StoreUnavailable) as raised:
        site(lambda session: session.get_by_id(id))
    assert id not in str(raised.value)

    def delete(session: Any) -> None:
        other = session.get_by_id(id)
        with outage.of(*WRITES), pytest.raises(StoreUnavailable) as raised:
            other.delete()
        assert id not in str(raised.value)

    site(delete)


def test_a_damaged_session_is_an_error_that_names_no_id(
    options: Options, setting: Options, ada: tuple[str, str], client: DynamoDBClient
) -> None:
    _, id = ada
    (item,) = client.scan(TableName=options["table_name"])["Items"]
    damaged = {**item, "data": {"B": b"\x80\x02garbage"}}
    client.put_item(TableName=options["table_name"], Item=damaged)
    site = Site("ours", {**options, **setting, "invalidate_corrupt": False})
    with pytest.raises(PayloadError) as raised:
        site(lambda session: session.get_by_id(id))
    assert id not in str(raised.value)


def test_get_session_of_the_environment(
    options: Options, setting: Options, client: DynamoDBClient
) -> None:
    """It is a new session; without a cookie, the program keeps the id itself."""

    def app(environ: Any, start_response: Any) -> list[bytes]:
        session = environ["beaker.get_session"]()
        assert type(session) is DynamoDBSession
        session["name"] = "Ada"
        session.save()
        environ["test.result"] = environ["test.action"](environ["beaker.session"], session.id)
        start_response("200 OK", [])
        return [b""]

    settings = {f"session.{name}": value for name, value in {**options, **setting}.items()}
    wsgi = SessionMiddleware(app, settings)

    def look(session: Any, id: str) -> Any:
        return values(session.get_by_id(id))

    answer = visit(wsgi, look)  # type: ignore[arg-type]  # takes the id as well
    assert ({"name": "Ada"}, []) == (answer.result, answer.set_cookies)
    assert 1 == count(options, client)


def test_a_session_class_of_the_application(options: Options, setting: Options) -> None:
    class Own(DynamoDBSession):
        pass

    site = Site("ours", {**options, **setting, "session_class": Own})
    saved: list[Any] = []

    def save(session: Any) -> None:
        assert type(session._session()) is Own
        store(name="Ada")(session)
        session.persist()
        saved.append(session.get_by_id(session.id))

    site(save)
    assert type(saved[0]) is Own
