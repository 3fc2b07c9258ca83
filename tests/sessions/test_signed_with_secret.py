"""With `session.secret`, sessions are signed; of unsigned ones only plain data is read."""

from __future__ import annotations

import pickle
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from beaker.exceptions import BeakerWarning
from beaker.util import PickleSerializer

from beaker_dynamodb import DynamoDBNamespaceManager, DynamoDBSession, PayloadError, SessionStore
from tests.chaos.watch import secret
from tests.items.encoded import overwrite
from tests.items.test_poison import Poison
from tests.items.test_poison import ran as ran
from tests.servers.endpoint import DynamoDBClient
from tests.servers.recorder import CallRecorder
from tests.sessions.driven import Visitor, stored_sessions
from tests.sessions.site import ENCRYPTED, PLANTED, Action, Site, store, values

OLD, NEW = secret("old"), secret("new")
PLAIN = {
    "user": "Ada",
    "cart": [{"sku": "tea", "price": Decimal("3.20")}],
    "seen": datetime(2026, 1, 2, tzinfo=timezone.utc),
    "tags": {"a", b"b"},
}
#: Formats of a session's payload.
FORMATS: dict[str, dict[str, Any]] = {
    "pickle": {},
    "json": {"data_serializer": "json"},
    "encrypted": ENCRYPTED,
    "encrypted json": {**ENCRYPTED, "data_serializer": "json"},
    "zlib": {"compression": "zlib"},
}
invalidated = pytest.warns(BeakerWarning, match="Invalidating corrupt session")


class Cart:
    """A class of an application."""


@pytest.fixture
def given(options: dict[str, Any]) -> dict[str, Any]:
    return {**options, "secret": NEW, "cookie_signature": "beaker"}


@pytest.fixture
def signatures(client: DynamoDBClient, table_name: str) -> Callable[[], list[bool]]:
    return lambda: ["signature" in item for item in stored_sessions(client, table_name)]


@pytest.mark.parametrize("format", FORMATS.values(), ids=FORMATS)
def test_beakers_sessions_are_read_and_signed_at_the_next_save(
    given: dict[str, Any], format: dict[str, Any], signatures: Callable[[], list[bool]]
) -> None:
    data = {"user": "Ada", "text": "x" * 2000} if "data_serializer" in format else PLAIN
    cookie = Site("beaker", {**given, **format})(store(**data)).cookie
    assert [False] == signatures()
    site = Site("ours", {**given, **format})
    assert data == site(values, cookie).result
    site(store(number=1), cookie)
    assert [True] == signatures()
    only = Site("ours", {**given, **format, "accept_unsigned": "false"})
    assert {**data, "number": 1} == only(values, cookie).result


@pytest.mark.parametrize("format", ["pickle", "json", "encrypted"])
def test_servers_with_beakers_middleware_share_the_table(
    options: dict[str, Any], given: dict[str, Any], format: str
) -> None:
    """In both directions, and in the same number of calls as with signed sessions."""
    client = DynamoDBNamespaceManager("any", **options).client
    given |= FORMATS[format]
    sites = [Site("beaker", given), Site("ours", given)]
    for first, second in (sites, sites[::-1]):
        cookie = first(store(user="Ada", number=0)).cookie
        with CallRecorder(client) as calls:
            for number in range(1, 4):
                for site, other in ((second, first), (first, second)):
                    site(store(number=number, by=str(site)), cookie)
                    assert number == other(values, cookie).result["number"]
        # Plain Beaker cannot compare encrypted sessions, so it writes each time.
        assert format == "encrypted" or ["GetItem", "PutItem", "GetItem"] * 6 == calls.operations


@pytest.mark.parametrize("names", [("beaker", "ours"), ("ours", "beaker")])
def test_concurrent_changes_by_both_middlewares_are_merged(
    given: dict[str, Any], names: tuple[str, str]
) -> None:
    outer, inner = (Site(name, given) for name in names)
    cookie = outer(store(user="Ada")).cookie

    def change(session: Any) -> None:
        session["outer"] = 1
        inner(store(inner=1), cookie)
        session.save()

    outer(change, cookie)
    assert {"user": "Ada", "outer": 1, "inner": 1} == outer(values, cookie).result


def test_an_unsigned_session_with_an_object_is_refused_unless_all_are_accepted(
    given: dict[str, Any],
) -> None:
    cookie = Site("beaker", given)(store(cart=Cart())).cookie
    with pytest.raises(
        PayloadError, match=r"test_signed_with_secret\.Cart, but may contain only plain"
    ):
        Site("ours", {**given, "invalidate_corrupt": "false"})(values, cookie)
    with invalidated:
        assert {} == Site("ours", given)(values, cookie).result
    found = Site("ours", {**given, "accept_unsigned": "true"})(values, cookie).result
    assert isinstance(found["cart"], Cart)


def test_an_unsigned_session_of_a_custom_serializer_is_refused(given: dict[str, Any]) -> None:
    class Own(PickleSerializer):  # type: ignore[misc]  # Beaker has no type hints
        """May do anything."""

    given["data_serializer"] = Own()
    visitor = Visitor(given)
    visitor.starts(user="Ada")
    reader = Visitor(given, DynamoDBSession)
    reader.id = visitor.id
    text = "an unsigned session with a custom data_serializer cannot be checked for plain data "
    with pytest.raises(PayloadError) as caught:
        reader.finds()
    assert text + "(option accept_unsigned)" == str(caught.value)
    reader.options["accept_unsigned"] = "true"
    assert {"user": "Ada"} == reader.finds()


# -- poison -------------------------------------------------------------------------------------


def poisons(path: Path) -> dict[str, tuple[bytes, str]]:
    data = pickle.dumps({"name": Poison(path), "_planted": PLANTED}, 2)
    old = pickle.dumps({"name": Poison(path), "_planted": PLANTED}, 0)
    return {
        "b64": (data, "b64"),
        "protocol 0": (old, "b64"),
        "pickle": (data, "pickle"),
        "text": (b64encode(data) + b"\n", "text"),
        "nonce+b64": (data, "nonce+b64"),
        "object": (data, "object"),
        "json": (b'"' + b64encode(data) + b'"', "json"),
    }


@pytest.mark.owasp("1.5.2")
@pytest.mark.parametrize(
    ("kind", "format", "hash_ids"),
    [
        *((kind, "pickle", "false") for kind in poisons(Path())),
        ("b64", "json", "false"),
        ("b64", "encrypted", "false"),
        ("b64", "pickle", "migrate"),
    ],
)
def test_poison_in_an_unsigned_session_is_refused_and_not_run(
    given: dict[str, Any],
    kind: str,
    format: str,
    hash_ids: str,
    ran: Path,
    client: DynamoDBClient,
    table_name: str,
) -> None:
    given |= FORMATS[format]
    cookie = Site("ours", given)(store(name="Ada")).cookie
    data, codec = poisons(ran)[kind]
    overwrite(client, table_name, data={"B": data}, codec={"S": codec}, signature=None)
    site = Site("ours", {**given, "hash_ids": hash_ids, "invalidate_corrupt": "false"})
    for _ in range(2):  # the first request may have moved it
        for action in (values, get_by_id(cookie)):
            with pytest.raises(PayloadError):
                site(action, cookie)
        with pytest.raises(PayloadError):
            from_store(site.options, cookie)
    assert not ran.exists()


def get_by_id(cookie: str) -> Action:
    return lambda session: session.get_by_id(id_of(cookie))


def from_store(given: dict[str, Any], cookie: str) -> dict[str, Any]:
    settings = {f"session.{name}": value for name, value in given.items()}
    found = SessionStore.from_settings(settings).get(id_of(cookie))
    assert found is not None
    return found.payload()


def id_of(cookie: str) -> str:
    return cookie[-64:]


def test_poison_that_is_encrypted_is_not_run(given: dict[str, Any], ran: Path) -> None:
    """Beaker's encryption does not show changes: an attacker may have made the ciphertext."""
    given |= ENCRYPTED
    session = DynamoDBSession({}, use_cookies=False, **{**given, "secret": None})
    session.update(name=Poison(ran), _planted=PLANTED)
    session.save()
    site = Site("ours", {**given, "invalidate_corrupt": "false"})
    with pytest.raises(PayloadError):
        site(get_by_id(session.id))
    assert not ran.exists()


def test_a_session_store_takes_the_secret_from_the_settings(given: dict[str, Any]) -> None:
    cookie = Site("ours", given)(store(cart=Cart())).cookie
    assert "cart" in from_store(given, cookie)
    with pytest.raises(PayloadError, match=r"signature is wrong \(options secret"):
        from_store({**given, "secret": OLD}, cookie)


# -- a new secret -------------------------------------------------------------------------------


def test_signing_keys_replace_the_secret(
    given: dict[str, Any], signatures: Callable[[], list[bool]]
) -> None:
    keyed = {**given, "signing_keys": "a key of sixteen bytes and more"}
    cookie = Site("ours", keyed)(store(user="Ada")).cookie
    assert [True] == signatures()
    with invalidated:
        assert {} == Site("ours", given)(values, cookie).result
    assert {"user": "Ada"} == Site("ours", keyed)(values, cookie).result


@pytest.mark.owasp("13.3.4")
def test_concurrent_requests_during_a_rotation_lose_nothing(given: dict[str, Any]) -> None:
    """Half of the servers have the new secret already."""
    before = Site("ours", {**given, "secret": OLD, "previous_secrets": NEW})
    after = Site("ours", {**given, "secret": NEW, "previous_secrets": [OLD]})
    cookie = before(store(user="Ada")).cookie
    names = [f"n{number}" for number in range(8)]
    with ThreadPoolExecutor(4) as pool:
        sites = [before, after] * 4
        list(pool.map(lambda name, site: site(store(**{name: 1}), cookie), names, sites))
    expected = {"user": "Ada", **dict.fromkeys(names, 1)}
    assert [expected, expected] == [site(values, cookie).result for site in (before, after)]
