"""What the stored tables hold: every kind of item, how it is written, and how it is read.

Only public interfaces are used: middleware, Beaker's Session and Cache, the namespace manager.
"""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from beaker.cache import Cache
from beaker.session import Session

from beaker_dynamodb import DynamoDBNamespaceManager, DynamoDBSession, SessionStore, TooManySessions
from beaker_dynamodb.caches.lease import Clock as LockClock
from beaker_dynamodb.caches.lock_registry import LockRegistry
from tests.caches.conftest import die
from tests.clock import Clock
from tests.sessions.site import COOKIE, ENCRYPTED, Site, values

#: When the tables were written, in epoch seconds; sessions and entries are read a minute later.
WRITTEN, READ = 1_700_000_000.125, 1_700_000_060.0

#: An application's own serializers.
TO_BYTES = SimpleNamespace(
    dumps=lambda value: repr(value).encode(), loads=lambda raw: ast.literal_eval(raw.decode())
)
TO_STR = SimpleNamespace(dumps=json.dumps, loads=json.loads)
DATA = SimpleNamespace(
    dumps=lambda data: b"!" + repr(dict(data)).encode(),
    loads=lambda raw: ast.literal_eval(raw[1:].decode()),
)
SIGNED = {"signing_keys": "signing-key-of-the-fixture"}
OFF = {"compression": "off"}

USER = {"name": "Zoë", "cart": ["tea", 2, 2.5, None, True], "seen": {"news": 1700000000}}
PYTHON = {**USER, "pair": (1, b"\x00\xff"), "large": 2**70}
LONG = {"text": "A cup of tea. " * 200}
#: More than one item can hold.
HUGE = {"text": "x" * 450_000}

Options = Mapping[str, Any]


@dataclass(frozen=True)
class Content:
    """Something stored, in one item or several.

    :param name: a description, from which its session id and random tokens are derived.
    :param value: the value that a reader finds.
    :param options: the writer's and the reader's options, besides those of the table.
    """

    name: str
    value: Any
    options: Options = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The id of a session, in Beaker's form."""
        return UUID(bytes=self.random(16), version=4).hex

    def random(self, size: int) -> bytes:
        """Return bytes in place of random ones."""
        return hashlib.shake_128(self.name.encode()).digest(size)

    def write(self, options: Options, clock: Clock) -> None:
        """Write it to the table of these options."""
        raise NotImplementedError

    def read(self, options: Options) -> Any:
        raise NotImplementedError


class InOurMiddleware(Content):
    """A session that an application behind this package's middleware has saved."""

    def write(self, options: Options, clock: Clock) -> None:
        self._save(options, self.value)

    def read(self, options: Options) -> Any:
        return self._site(options)(values, f"{COOKIE}={self.id}").result

    def _save(self, options: Options, data: Options, cookie: str = "") -> None:
        def action(session: Any) -> None:
            session.update(data)
            session.save()

        self._site(options)(action, cookie)

    def _site(self, options: Options) -> Site:
        return Site("ours", {**options, **self.options})


class ChangedLater(InOurMiddleware):
    """A session whose second version was saved ten seconds after the first."""

    def write(self, options: Options, clock: Clock) -> None:
        self._save(options, {"name": "Ada"})
        clock.advance(10)
        self._save(options, self.value, f"{COOKIE}={self.id}")


class InSessionStore(InOurMiddleware):
    """A session that a `SessionStore` finds, with its special keys and times."""

    def read(self, options: Options) -> Any:
        found = SessionStore(**options, **self.options).get(self.id)
        assert found is not None
        times = found.created, found.accessed, found.expires
        return {
            **values(found.payload()),
            "special": dict(found.special),
            "times": [time and time.isoformat() for time in times],
        }

    def write(self, options: Options, clock: Clock) -> None:
        found = {"special", "times"}
        data = {name: self.value[name] for name in self.value if name not in found}
        self._save(options, data)


class LoggedIn(InOurMiddleware):
    """The only session that its user may have, and the item of the user, which lists it."""

    def read(self, options: Options) -> Any:
        """Return the value if a second log-in is refused."""
        try:
            self._save(options, self.value)
        except TooManySessions:
            return super().read(options)
        return "a second session"


@dataclass(frozen=True)
class WithoutCookie(Content):
    """A session that an application opens by its id."""

    session_class: type[Any] = DynamoDBSession

    def write(self, options: Options, clock: Clock) -> None:
        session = self._session(options)
        session.update(self.value)
        session.save()

    def read(self, options: Options) -> Any:
        return values(self._session(options))

    def _session(self, options: Options) -> Any:
        given = {"type": "ext:dynamodb", **options, **self.options}
        return self.session_class({}, id=self.id, use_cookies=False, **given)


@dataclass(frozen=True)
class InBeaker(WithoutCookie):
    """A session of plain Beaker, under an id that the application has chosen."""

    session_class: type[Any] = Session

    @property
    def id(self) -> str:
        return str(self.value["id"])


class InNamespace(Content):
    """A session's payload as a program hands it to the namespace manager itself."""

    def write(self, options: Options, clock: Clock) -> None:
        DynamoDBNamespaceManager(self.id, **options, **self.options)["session"] = self.value

    def read(self, options: Options) -> Any:
        return DynamoDBNamespaceManager(self.id, **options, **self.options)["session"]


@dataclass(frozen=True)
class InCache(Content):
    """An entry of a Beaker cache."""

    namespace: str = "news"
    key: str | None = None

    def write(self, options: Options, clock: Clock) -> None:
        self.cache(options).put(self._key, self.value)

    def read(self, options: Options) -> Any:
        cache = self.cache(options)
        listed: list[bytes] = cache.namespace.keys()
        assert self._key.encode("ascii", "backslashreplace") in listed
        return cache.get(self._key)

    @property
    def _key(self) -> str:
        return self.name if self.key is None else self.key

    def cache(self, options: Options) -> Cache:
        return Cache(self.namespace, "ext:dynamodb", **{**options, **self.options})


class Lock(Content):
    """The creation lock of a cache entry, held by a process that has ended without releasing it."""

    def write(self, options: Options, clock: Clock) -> None:
        lock = self.synchronizer(options)
        assert lock.acquire(wait=False)
        die(lock)

    def read(self, options: Options) -> Any:
        """Return whether another process has the lock."""
        return not self.synchronizer(options).acquire(wait=False)

    def synchronizer(self, options: Options, clock: LockClock | None = None) -> Any:
        """Return the lock as a process that has just started sees it."""
        manager = DynamoDBNamespaceManager("news", **options, **self.options)
        storage = manager._cache_storage()
        return LockRegistry(clock).lock(storage, storage.keys.lock("news", self.name))


SPECIAL = {
    "special_keys": "userId:N, user.name:S, token:B, admin:BOOL, balance:N",
    "skip_throw_missing_special_keys": True,
}
SPECIAL_SESSION = {
    "userId": 42,
    "user": {"name": "Zoë"},
    "token": b"\x00\x01",
    "admin": True,
    "special": {"userId": 42, "user.name": "Zoë", "token": b"\x00\x01", "admin": True},
    "times": [
        "2023-11-14T22:13:20.125000+00:00",
        "2023-11-14T22:13:20.125000+00:00",
        "2023-11-15T22:13:20.125000+00:00",
    ],
}
USERS = {
    "special_keys": "userId:N:index",
    "skip_throw_missing_special_keys": True,
    "user_key": "userId",
    "max_sessions": 1,
    "when_exceeded": "refuse",
}
#: In a URL, because Beaker keeps a session's own `timeout` option to itself.
FOREVER = {"url": "dynamodb://?timeout=0"}
JSON, EXPIRE = {"serializer": "json"}, {"expire": 600}

CONTENTS: list[Content] = [
    InOurMiddleware("pickle", PYTHON),
    InOurMiddleware("json", USER, {"data_serializer": "json"}),
    WithoutCookie("own serializer", PYTHON, {"data_serializer": DATA}),
    InOurMiddleware("encrypted pickle", PYTHON, ENCRYPTED),
    InOurMiddleware("encrypted json", USER, {**ENCRYPTED, "data_serializer": "json"}),
    InOurMiddleware("auto", LONG),
    InOurMiddleware("zlib", LONG, {"compression": "zlib"}),
    InOurMiddleware("zstd", LONG, {"compression": "zstd"}),
    InOurMiddleware("signed", USER, SIGNED),
    InOurMiddleware("signed and encrypted", USER, {**SIGNED, **ENCRYPTED}),
    InOurMiddleware("chunked", HUGE, OFF),
    InOurMiddleware("chunked and signed", HUGE, {**OFF, **SIGNED}),
    InOurMiddleware("hashed id", USER, {"hash_ids": True}),
    InOurMiddleware("hashed id, signed", USER, {"hash_ids": True, **SIGNED}),
    InOurMiddleware("prefix", USER, {"prefix": "app"}),
    InOurMiddleware("half an hour", USER, {"timeout": 1800}),
    InOurMiddleware("for ever", USER, FOREVER),
    InOurMiddleware("for ever, chunked", HUGE, {**FOREVER, **OFF}),
    ChangedLater("second version", USER),
    InSessionStore("special keys", SPECIAL_SESSION, SPECIAL),
    LoggedIn("logged in", {**USER, "userId": 43}, USERS),
    InBeaker("odd id", {"id": "user|42:50% Zoë"}),
    InBeaker("long id", {"id": "x" * 701}),
    InBeaker("long id, hashed", {"id": "y" * 701}, {"hash_ids": True}),
    InNamespace("any text", "any text at all"),
    InNamespace("no text", {"name": "Zoë"}),
    InCache("pickle, cached", PYTHON),
    InCache("expire", USER, EXPIRE),
    InCache("expire without grace", USER, {**EXPIRE, "stale_grace": 0}),
    InCache("timeout", USER, {"timeout": 600}),
    InCache("json, cached", USER, JSON),
    InCache("json with expire", USER, {**JSON, **EXPIRE}),
    InCache("object", PYTHON, {"serializer": TO_BYTES}),
    InCache("object-str", USER, {"serializer": TO_STR}),
    InCache("auto, cached", LONG, JSON),
    InCache("zstd, cached", LONG, {"compression": "zstd"}),
    InCache("signed, cached", USER, SIGNED),
    InCache("chunked, cached", HUGE, {**OFF, **EXPIRE}),
    InCache("chunked and signed, cached", HUGE, {**JSON, **OFF, **SIGNED}),
    InCache("prefix, cached", USER, {"prefix": "app"}),
    InCache("odd key", "odd", namespace="a|b:%", key="a|b:% Zoë"),
    InCache("empty key", "empty", namespace="", key=""),
    InCache("long key", "long", namespace="n" * 701, key="k" * 1001),
    Lock("lock", True),
    Lock("lock with a lease", True, {"lock_timeout": 91}),
]
