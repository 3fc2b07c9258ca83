"""No secret in what is logged, warned of, raised, or shown of an object."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from beaker.cache import Cache
from beaker.exceptions import BeakerWarning
from beaker.session import Session
from botocore.config import Config
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
from tests.chaos.watch import MARK, Watch, all_is_seen, reveal, secret
from tests.servers.endpoint import REGION
from tests.sessions.driven import Visitor, save
from tests.sessions.site import ENCRYPTED, MIDDLEWARES, Site, log_out, store, values

if TYPE_CHECKING:
    from tests.servers.endpoint import Endpoint

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
    """Give an object of ours and all of ours within."""
    found, wanted = [], [root]
    while wanted:
        one = wanted.pop()
        if type(one).__module__.startswith("beaker_dynamodb") and one not in found:
            found.append(one)
            slots = [getattr(one, name, None) for name in getattr(one, "__slots__", ())]
            wanted += [*slots, *getattr(one, "__dict__", {}).values()]
    return found


@pytest.mark.parametrize("setting", SETTINGS.values(), ids=SETTINGS)
@pytest.mark.parametrize("middleware", MIDDLEWARES)
def test_sessions(
    middleware: str, setting: dict[str, object], moto_endpoint: Endpoint, table_name: str
) -> None:
    """A visit from the first save to the log-out, with a conflict and a late save, shows none."""
    options = {**moto_endpoint.options, **CREDENTIALS, "table_name": table_name, **setting}
    site = Site(middleware, {**options, "lock_timeout": 1})
    with all_is_seen() as watch:
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
    assert [] == watch.found
    # What Beaker itself encrypts it also deletes by a write (README).
    told = middleware == "ours" or setting is not SETTINGS["encrypted"]
    assert told is any("is gone" in text for text in watch.shown)


@pytest.mark.parametrize("session_class", [Session, DynamoDBSession])
def test_reprs(session_class: type[Any], moto_endpoint: Endpoint, table_name: str) -> None:
    """No object of ours that has a session, or the options, shows them: tracebacks hold reprs."""
    options = {**moto_endpoint.options, **CREDENTIALS, **KEYS, "table_name": table_name}
    visitor = Visitor({**options, "special_keys": "user:S"}, session_class)
    visitor.starts(a=secret("payload"), user=secret("user"))
    session = visitor.request()
    found = objects(session.namespace)
    assert {"Item", "Key", "Options", "PayloadFormat", "SessionRecord", "Backend"} <= {
        type(one).__name__ for one in found
    }
    watch = Watch()
    watch.ids.add(session.id)
    watch.look(*map(repr, found))
    assert [] == watch.found
    # A session is a dict, and shows what is in it (SECURITY.md); but not whose it is.
    assert repr(dict(session)) == repr(session)


def test_the_id_of_a_corrupt_session(moto_endpoint: Endpoint, table_name: str) -> None:
    """Our middleware warns as Beaker does, and shows a digest in place of the id."""
    options = {**moto_endpoint.options, "table_name": table_name}
    site = Site("ours", options)
    answer = site(store(payload=secret("payload")))
    session_id = answer.cookie.partition("=")[2]
    key = {"id": {"S": f"sess:{session_id}"}}
    item = moto_endpoint.client.get_item(TableName=table_name, Key=key)["Item"]
    broken = pickle.dumps(secret("payload"), 2)[:-3]
    moto_endpoint.client.put_item(TableName=table_name, Item={**item, "data": {"B": broken}})
    with pytest.warns(BeakerWarning, match="Invalidating corrupt session") as caught:
        assert {} == site(values, answer.cookie).result
    (warned,) = [str(warning.message) for warning in caught]
    assert session_id not in warned
    assert MARK not in warned


def fails(error: Exception) -> Any:
    """Give a client whose every call fails so."""
    client = boto3.session.Session().client(
        "dynamodb",
        region_name=REGION,
        config=Config(retries={"total_max_attempts": 1, "mode": "standard"}),
        aws_access_key_id="a",
        aws_secret_access_key="b",
    )

    def fail(**_: object) -> None:
        raise error

    client.meta.events.register("before-send.dynamodb", fail)
    return client


def refused(code: str, status: int = 400) -> ClientError:
    """Give AWS's refusal."""
    response: Any = {
        "Error": {"Code": code, "Message": "no"},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError(response, "PutItem")


FAULTS = [
    (refused("AccessDeniedException"), AccessDenied),
    (refused("ThrottlingException"), StoreUnavailable),
    (refused("InternalServerError", 500), StoreUnavailable),
    (refused("ValidationException"), DynamoDBError),
    (ReadTimeoutError(endpoint_url="http://127.0.0.1:1"), StoreUnavailable),
]


@pytest.mark.parametrize(
    ("fault", "kind"), FAULTS, ids=lambda value: getattr(value, "__name__", "")
)
def test_faults(fault: Exception, kind: type[DynamoDBError]) -> None:
    """An error for a fault tells of neither id nor value, in any verb."""
    manager = DynamoDBNamespaceManager(secret("id"), client=fails(fault), **KEYS)
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
    with all_is_seen() as watch:
        for verb in verbs:
            reveal(verb, kind, watch)
    assert [] == watch.found


class Unpicklable:
    """A value that cannot be stored, and holds a secret."""

    def __init__(self) -> None:
        self.secret = secret("value")

    def __reduce__(self) -> str:
        raise TypeError("no")


def test_values(moto_endpoint: Endpoint, table_name: str) -> None:
    """An error about a value, or an item, tells of its kind and its size only."""
    options = {**moto_endpoint.options, "table_name": table_name, **KEYS}
    manager = DynamoDBNamespaceManager(secret("namespace"), **options, max_value_size=100)
    other = DynamoDBNamespaceManager(
        secret("namespace"), **{**options, "signing_keys": secret("anotherkey")}
    )
    key = secret("key")
    with all_is_seen() as watch:
        reveal(lambda: manager.set_value(key, Unpicklable()), PayloadError, watch)
        reveal(lambda: manager.set_value(key, range_of_secrets()), ItemTooLarge, watch)
        manager[key] = secret("value")
        reveal(lambda: other[key], PayloadError, watch)
        (item,) = moto_endpoint.client.scan(TableName=table_name)["Items"]
        moto_endpoint.client.put_item(
            TableName=table_name, Item={**item, "created": {"S": "yesterday"}}
        )
        reveal(lambda: manager[key], PayloadError, watch)
    assert [] == watch.found


def range_of_secrets() -> list[str]:
    """Give a value of more than a hundred bytes."""
    return [secret(f"value{number}") for number in range(50)]


def test_a_refused_parameter() -> None:
    """What botocore refuses to send it shows in its error, and that one is not passed on."""
    client = boto3.session.Session().client("dynamodb", region_name=REGION)
    manager = DynamoDBNamespaceManager("pages", client=client)
    with all_is_seen() as watch:
        items = manager.backend.items
        reveal(lambda: items.call("get_item", Key=secret("id")), DynamoDBError, watch)
    assert [] == watch.found


def test_conflicts(moto_endpoint: Endpoint, table_name: str) -> None:
    """SessionConflict and LockTimeout tell of no id, key or value."""
    options = {**moto_endpoint.options, "table_name": table_name, "concurrency": "reject"}
    visitor = Visitor(options)
    visitor.id = secret("id")
    visitor.starts(a=secret("payload"))
    late = visitor.request()
    save(visitor.request(), a=secret("other"))
    cache = Cache(secret("namespace"), "ext:dynamodb", **options, lock_timeout=0.01)
    namespace = cache.namespace
    lock = namespace.get_creation_lock(secret("key"))
    elsewhere = type(lock)(
        namespace.backend.items, namespace.backend.keys.lock(secret("namespace"), secret("key"))
    )
    with all_is_seen() as watch:
        reveal(lambda: save(late, a=secret("mine")), SessionConflict, watch)
        elsewhere.acquire()
        reveal(lambda: cache.get(secret("key"), createfunc=bool), LockTimeout, watch)
        elsewhere.release()
    assert [] == watch.found


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
def test_options(given: dict[str, Any]) -> None:
    """An option that does not fit is named, and a secret is not shown."""
    with all_is_seen() as watch:
        reveal(lambda: DynamoDBNamespaceManager("pages", **given), ConfigurationError, watch)
    assert [] == watch.found
