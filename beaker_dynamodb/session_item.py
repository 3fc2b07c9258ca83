"""A session's item, and the version of its data in the cookie.

With ``consistent_read = auto``, the value of the session cookie is
``<id>.<version>.<write time in epoch seconds>``. A request then reads eventually consistently, at
half the price, and reads again consistently if the result is older than that version. A few
seconds after a write, and without a version, it reads consistently right away.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from beaker.cache import clsmap

from beaker_dynamodb.config.beaker_settings import TYPES
from beaker_dynamodb.exceptions import ConfigurationError
from beaker_dynamodb.namespace import DynamoDBNamespaceManager
from beaker_dynamodb.sessions.events import IDLE
from beaker_dynamodb.sessions.lifetime import expiry
from beaker_dynamodb.sessions.merge import ACCESSED, CREATED, surely_differs
from beaker_dynamodb.sessions.record import SessionRecord
from beaker_dynamodb.sessions.session_format import SessionFormat
from beaker_dynamodb.wsgi.cookie_header import COOKIE_VALUE
from beaker_dynamodb.wsgi.session_cookie import SessionWithCookie

#: Replicas lag by less than this: "usually one second or less" (AWS developer guide, read
#: consistency).
MAX_REPLICA_LAG_SECONDS = 5


def in_dynamodb(options: Mapping[str, Any]) -> bool:
    """Return whether sessions with these options are stored in DynamoDB."""
    if options["type"] in TYPES:
        return True
    chosen = options.get("namespace_class")
    if chosen is None:
        try:
            chosen = clsmap[options["type"]]
        except KeyError:  # "cookie", or unknown
            return False
    return isinstance(chosen, type) and issubclass(chosen, DynamoDBNamespaceManager)


class SessionWithItem(SessionWithCookie):
    """A session whose data is an item in DynamoDB; takes the arguments of Beaker's Session."""

    #: The data as last saved by this request.
    _saved: dict[str, Any] | None = None
    #: The version in the browser's cookie and its write time in epoch seconds, or None.
    _browser_version: tuple[int, int] | None = None
    _cached_format: SessionFormat | None = None
    timeout: float | None
    namespace: DynamoDBNamespaceManager

    def _before_init(self, params: dict[str, Any]) -> None:
        params["type"] = params.get("type") or TYPES[0]
        if not in_dynamodb(params):
            raise ConfigurationError(
                f"DynamoDBSession needs type = ext:dynamodb, not {params['type']!r}"
            )
        clock = params.get("clock")
        self._now: Callable[[], float] = clock if callable(clock) else time.time

    def _after_init(self) -> None:
        if not self.accessed_dict:
            # Nothing was loaded. Replace the times that Beaker took from its own clock.
            dict.update(self, dict.fromkeys((ACCESSED, CREATED), self._now()))

    @property
    def _record(self) -> SessionRecord:
        """The record of the current id."""
        if not hasattr(self, "namespace") or self.namespace.namespace != self.id:
            return self._open()
        return self.namespace.session

    def _open(self) -> SessionRecord:
        """Set ``namespace`` to a new manager for the current id; return its record."""
        self.namespace = self.namespace_class(self.id, **self._options)
        record = self.namespace.session
        record.format = self._format
        if self.use_cookies:
            record.cookie_name = self.key
        return record

    @property
    def _format(self) -> SessionFormat:
        if self._cached_format is None:
            self._cached_format = SessionFormat(self)
        return self._cached_format

    @property
    def _options(self) -> dict[str, Any]:
        """The options of the namespace manager."""
        fixed = {"data_dir": self.data_dir, "digest_filenames": False, "secret": self.secret}
        return {**fixed, **self.namespace_args}

    def _close(self) -> None:
        """Forget the namespace manager; the next save opens a new one."""
        self.__dict__.pop("namespace", None)

    def _stored_data(self, record: SessionRecord, now: float) -> dict[str, Any]:
        """Return a session's data, or {} if it does not exist; set ``record.expiry``."""
        data = self._read_data(record, now, self._replicated_version(now))
        if record.expiry is not None and record.maybe_stale:
            # A replica may lack the latest access time, or the last log-in.
            data = self._read_data(record, now, None)
        return data

    def _read_data(
        self, record: SessionRecord, now: float, seen_version: int | None
    ) -> dict[str, Any]:
        timeouts = self.timeout, record.storage.options.absolute_timeout
        record.expiry = None
        try:
            data = self._format.decode(record.read(seen_version=seen_version))
        except KeyError:
            if record.expired is not None:
                record.expiry = expiry(record.expired, now, *timeouts) or IDLE
            return {}
        record.expiry = expiry(data, now, *timeouts)
        return data

    def _surely_changed(self, data: Mapping[str, Any]) -> bool:
        """Return whether data to save surely differs from what is stored; False means "unknown"."""
        # A custom serializer might change a value when it stores it.
        return self._format.pickles and surely_differs(self._saved or self.accessed_dict, data)

    def _data_version(self) -> tuple[int, int] | None:
        """Return the version and write time for the cookie, or None to leave them out."""
        if not hasattr(self, "namespace") or self.namespace.namespace != self.id:
            return None
        if self.namespace.backend.options.consistent_read != "auto":
            return None
        return self.namespace.session.version

    @property
    def _cookie_value(self) -> str:
        version = self._data_version()
        return f"{self.id}.{version[0]}.{version[1]}" if version else self.id

    @property
    def _cookie_outdated(self) -> bool:
        version, seen = self._data_version(), self._browser_version or ()
        return super()._cookie_outdated or (version is not None and version[:1] != seen[:1])

    def _take_cookie_value(self, value: str) -> None:
        """Set the id, the version if the value has one, and whether its signature is outdated."""
        self.id = value
        self._signature_outdated = not self._cookie_values.get(value, True)
        match = COOKIE_VALUE.fullmatch(value) if "." in value else None
        if match:
            self.id, self._browser_version = match[1], (int(match[2]), int(match[3]))

    def _replicated_version(self, now: float) -> int | None:
        """Return the cookie's version, or None without one or if a replica may not have it yet.

        Shortly after a change, the cookie may hold an old version: the responses to parallel
        requests arrive in any order, and the browser keeps the cookie of the last one.
        """
        if self._browser_version is None:
            return None
        version, written = self._browser_version
        return version if now - written > MAX_REPLICA_LAG_SECONDS else None
