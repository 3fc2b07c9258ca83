"""Logs, warnings, errors and reprs contain no secrets, nor the damaged bytes that they report."""

from __future__ import annotations

import pickle
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from beaker.cache import Cache
from beaker.exceptions import BeakerWarning
from beaker.session import Session
from botocore.exceptions import ClientError, ReadTimeoutError

from beaker_dynamodb import (
    AccessDenied,
    ConfigurationError,
    DynamoDBError,
    DynamoDBNamespaceManager,
    DynamoDBSession,
    ItemTooLarge,
    LockTimeout,
    PayloadError,
    SessionConflict,
    StoreUnavailable,
)
from tests.chaos.watch import MARK, Watch, secret
from tests.servers.endpoint import DynamoDBClient
from tests.sessions.driven import Visitor, save
from tests.sessions.site import ENCRYPTED, MIDDLEWARES, Site, log_out, store, values
from tests.stubbed import offline_client

pytestmark = pytest.mark.usefixtures("watch")

KEYS: dict[str, object] = {"signing_keys": secret("signing")}
SETTINGS: dict[str, dict[str, object]] = {
    "plain": {},
    "signed": KEYS,
    "hashed": {"hash_ids": True},
    "encrypted": {**ENCRYPTED, "encrypt_key": secret("encrypt"), "validate_key": secret("mac")},
    "cookie signed": {"secret": secret("cookie")},
}
CREDENTIALS = {
    "aws_access_key_id": secret("accesskey"),
    "aws_secret_access_key": secret("secretkey"),
}


def objects(root: object) -> list[object]:
    """Return an object and its attributes, recursively, if their class is in this package."""
    found, wanted = [], [root]
    while wanted:
        one = wanted.pop()
        if type(one).__module__.startswith("beaker_dynamodb") and one not in found:
            found.append(one)
            slots = [getattr(one, name, None) for name in getattr(one, "__slots__", ())]
            wanted += [*slots, *getattr(one, "__dict__", {}).values()]
            wanted += one if isinstance(one, tuple) else ()
    return found


@pytest.mark.owasp("16.2.5")
@pytest.mark.parametrize("setting", SETTINGS.values(), ids=SETTINGS)
@pytest.mark.parametrize("middleware", MIDDLEWARES)
def test_a_visit_shows_no_secret(
    middleware: str, setting: dict[str, object], options: dict[str, Any], watch: Watch
) -> None:
    site = Site(middleware, {**options, **CREDENTIALS, **setting, "lock_timeout": 1})
    cookie = site(store(payload=secret("payload"))).cookie

    def slow(session: Any) -> None:
        assert values(session)
        site(store(other=secret("other")), cookie)
        store(mine=secret("mine"))(session)

    def late(session: Any) -> None:
        assert values(session)
        site(log_out, cookie)
        store(mine=secret("late"))(session)

    site(slow, cookie)
    site(late, cookie)
    # Beaker deletes sessions that it encrypts itself by a write.
    logged = middleware == "ours" or setting is not SETTINGS["encrypted"]
    assert logged is any(": dropped" in text for text in watch.shown)


@pytest.mark.parametrize("session_class", [Session, DynamoDBSession])
def test_reprs_show_no_secret(
    session_class: type[Any], options: dict[str, Any], watch: Watch
) -> None:
    given = {**options, **CREDENTIALS, **KEYS, "special_keys": "user:S"}
    visitor = Visitor(given, session_class)
    visitor.starts(a=secret("payload"), user=secret("user"))
    session = visitor.request()
    found = objects(session.namespace)
    its_format = "BeakerFormat" if session_class is Session else "SessionFormat"
    assert {"Item", "Key", "Options", its_format, "SessionRecord", "Backend"} <= {
        type(one).__name__ for one in found
    }
    watch.look(*map(repr, found))
    # The repr of a session contains its values, as of any dict (SECURITY.md), but not its id.
    assert repr(dict(session)) == repr(session)


@pytest.mark.owasp("16.2.5")
def test_the_warning_about_a_corrupt_session_does_not_contain_its_id(
    options: dict[str, Any], client: DynamoDBClient, table_name: str
) -> None:
    site = Site("ours", options)
    cookie = site(store(payload=secret("payload"))).cookie
    (item,) = client.scan(TableName=table_name)["Items"]
    broken = pickle.dumps(secret("payload"), 2)[:-3]
    client.put_item(TableName=table_name, Item={**item, "data": {"B": broken}})
    with pytest.warns(BeakerWarning, match="Invalidating corrupt session") as caught:
        assert {} == site(values, cookie).result
    (warned,) = [str(warning.message) for warning in caught]
    assert cookie.partition("=")[2] not in warned
    assert MARK not in warned


def rejection(code: str, status: int = 400) -> ClientError:
    """Return the error of a request that AWS rejects."""
    response: Any = {
        "Error": {"Code": code, "Message": "no"},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError(response, "PutItem")


FAULTS = [
    (rejection("AccessDeniedException"), AccessDenied),
    (rejection("ThrottlingException"), StoreUnavailable),
    (rejection("InternalServerError", 500), StoreUnavailable),
    (rejection("ValidationException"), DynamoDBError),
    (ReadTimeoutError(endpoint_url="http://127.0.0.1:1"), StoreUnavailable),
]


@pytest.mark.parametrize(
    ("fault", "kind"), FAULTS, ids=lambda value: getattr(value, "__name__", "")
)
def test_call_errors_show_no_secret(
    monkeypatch: pytest.MonkeyPatch, fault: Exception, kind: type[DynamoDBError]
) -> None:
    def fail(*_: object) -> None:
        raise fault

    monkeypatch.setattr(offline_client(), "_make_api_call", fail)
    manager = DynamoDBNamespaceManager(secret("id"), client=offline_client(), **KEYS)
    key = secret("key")
    verbs: list[Callable[[], object]] = [
        lambda: manager[key],
        lambda: key in manager,
        lambda: manager.set_value(key, secret("value")),
        lambda: manager.__delitem__(key),
        manager.keys,
        manager.remove,
        lambda: manager["session"],
        lambda: manager.set_value("session", secret("payload")),
        manager.get_creation_lock(key).acquire,
    ]
    for verb in verbs:
        with pytest.raises(kind):
            verb()


class Unpicklable:
    """A value that contains a secret and cannot be pickled."""

    def __init__(self) -> None:
        self.secret = secret("value")

    def __reduce__(self) -> str:
        raise TypeError("no")


def test_errors_about_values_show_no_secret(
    options: dict[str, Any],
    client: DynamoDBClient,
    table_name: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("beaker_dynamodb.items.chunks.MAX_VALUE_BYTES", 100)
    other_keys = {**options, "signing_keys": secret("anotherkey")}
    manager = DynamoDBNamespaceManager(secret("namespace"), **options, **KEYS)
    key = secret("key")
    with pytest.raises(PayloadError):
        manager[key] = Unpicklable()
    with pytest.raises(ItemTooLarge):
        manager[key] = [secret(f"value{number}") for number in range(50)]
    manager[key] = secret("value")
    with pytest.raises(PayloadError):
        DynamoDBNamespaceManager(secret("namespace"), **other_keys)[key]
    (item,) = client.scan(TableName=table_name)["Items"]
    damaged = {**item, "created": {"S": "yesterday"}}
    client.put_item(TableName=table_name, Item=damaged)
    with pytest.raises(PayloadError):
        manager[key]


def test_conflicts_show_no_secret(options: dict[str, Any]) -> None:
    visitor = Visitor({**options, "concurrency": "reject"})
    visitor.id = secret("id")
    visitor.starts(a=secret("payload"))
    late = visitor.request()
    save(visitor.request(), a=secret("other"))
    with pytest.raises(SessionConflict):
        save(late, a=secret("mine"))


def test_a_lock_timeout_shows_no_secret(options: dict[str, Any]) -> None:
    cache = Cache(secret("namespace"), "ext:dynamodb", **options, lock_timeout=0.01)
    # A process whose lease outlasts this one's lock_timeout.
    other = DynamoDBNamespaceManager(secret("namespace"), **options, lock_timeout=600)
    lock = other.get_creation_lock(secret("key"))
    assert lock.acquire()
    with pytest.raises(LockTimeout):
        cache.get(secret("key"), createfunc=bool)
    lock.release()


@pytest.mark.parametrize(
    "given",
    [
        {"url": f"dynamodb://{secret('user')}:{secret('password')}@eu-west-1/mine"},
        {"url": f"dynamodb:///mine?{secret('query')}"},
        {"url": f"dynamodb:///mine?signing_keys={secret('x')}&max_attempts=0"},
        {"signing_keys": f"{secret('signing')},short"},
        {"signing_keys": secret("signing"), "signing_key": 1},
        {"aws_secret_access_key": secret("a"), "url": f"dynamodb:///m?table={secret('t')}&x=1"},
        {"aws_secret_access_key": [secret("a")]},
    ],
    ids=range(7),
)
def test_errors_about_options_show_no_secret(given: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        DynamoDBNamespaceManager("pages", **given)


class Texts:
    """A serializer of strings, without a check that they can be encoded."""

    def dumps(self, value: str) -> str:
        return value

    def loads(self, text: str) -> str:
        return text


MARKED = secret("value").encode()


@pytest.mark.parametrize(
    ("codec", "data"),
    [
        ("json", b'["%s\xff"]' % MARKED),
        ("json", b'["%s' % MARKED),
        ("text", b"%s\xff" % MARKED),
        ("object-str", b"%s\xff" % MARKED),
        ("pickle", b"L%s\n." % MARKED),
        ("pickle", pickle.dumps(secret("value"), 2)[:-3]),
        ("of the future", MARKED),
    ],
    ids=range(7),
)
def test_errors_about_damaged_values_do_not_quote_them(
    codec: str, data: bytes, options: dict[str, Any], client: DynamoDBClient, table_name: str
) -> None:
    manager = DynamoDBNamespaceManager("pages", **options, serializer=Texts())
    manager[b"k"] = "value"
    (item,) = client.scan(TableName=table_name)["Items"]
    damages: list[dict[str, Any]] = [
        {"codec": {"S": codec}, "data": {"B": data}},
        {"type": {"S": secret("foreign")}},
    ]
    for damage in damages:
        client.put_item(TableName=table_name, Item={**item, **damage})
        with pytest.raises(PayloadError):
            manager[b"k"]


def test_errors_do_not_quote_a_damaged_session(
    options: dict[str, Any], client: DynamoDBClient, table_name: str
) -> None:
    given = {**options, "data_serializer": "json", "invalidate_corrupt": False}
    visitor = Visitor(given, DynamoDBSession)
    visitor.starts(a=1)
    (item,) = client.scan(TableName=table_name)["Items"]
    broken = zlib.compress(b'{"a": "%s\xff"}' % MARKED)
    client.put_item(TableName=table_name, Item={**item, "data": {"B": broken}})
    with pytest.raises(PayloadError):
        visitor.request()


def test_errors_do_not_quote_unencodable_strings(options: dict[str, Any]) -> None:
    manager = DynamoDBNamespaceManager("pages", **options, serializer=Texts())
    with pytest.raises(PayloadError):
        manager[b"k"] = secret("\ud800")
