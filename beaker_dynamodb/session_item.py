"""Find, decode and encode a session's item."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

from beaker.cache import clsmap
from beaker.session import Session
from beaker.util import JsonSerializer, PickleSerializer

from beaker_dynamodb.config.beaker_settings import TYPES
from beaker_dynamodb.dynamodb.error_mapping import cause
from beaker_dynamodb.exceptions import ConfigurationError, PayloadError
from beaker_dynamodb.items import plain_pickle
from beaker_dynamodb.items.codec import SessionBytes
from beaker_dynamodb.namespace import DynamoDBNamespaceManager
from beaker_dynamodb.sessions.events import IDLE
from beaker_dynamodb.sessions.lifetime import expiry
from beaker_dynamodb.sessions.merge import ACCESSED, CREATED, surely_differs
from beaker_dynamodb.sessions.payload import PayloadFormat
from beaker_dynamodb.sessions.record import SessionRecord
from beaker_dynamodb.wsgi.version_cookie import SessionWithVersionCookie


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


class SessionWithItem(SessionWithVersionCookie):
    """A session whose data is an item in DynamoDB; takes the arguments of Beaker's Session.

    :raises ConfigurationError: ``type`` is not ``ext:dynamodb``.
    """

    #: The data as last saved by this request.
    _saved: dict[str, Any] | None = None
    #: Why the session read last has expired: ``idle``, ``absolute``, or None.
    _expiry: str | None = None
    timeout: float | None

    def __init__(self, request: dict[str, Any], id: str | None = None, **params: Any) -> None:
        params["type"] = params.get("type") or TYPES[0]
        if not in_dynamodb(params):
            raise ConfigurationError(
                f"DynamoDBSession needs type = ext:dynamodb, not {params['type']!r}"
            )
        clock = params.get("clock")
        self._now: Callable[[], float] = clock if callable(clock) else time.time
        super().__init__(request, id=id, **params)
        if self.is_new and not self.accessed_dict:
            # Nothing was loaded. Beaker has its own clock.
            dict.update(self, dict.fromkeys((ACCESSED, CREATED), self._now()))

    @property
    def _record(self) -> SessionRecord:
        """The record of the current id."""
        if not hasattr(self, "namespace") or self.namespace.namespace != self.id:
            self._open()
        record: SessionRecord = self.namespace.session
        return record

    def _open(self) -> None:
        """Set ``namespace`` to a new manager for the current id."""
        self.namespace: DynamoDBNamespaceManager = self.namespace_class(self.id, **self._options)
        record = self.namespace.session
        record.format = PayloadFormat(self._decode_if_possible, self._encode_like, self._plain)
        if self.use_cookies:
            record.cookie_name = self.key

    @property
    def _options(self) -> dict[str, Any]:
        """The options of the manager."""
        fixed = {"data_dir": self.data_dir, "digest_filenames": False, "secret": self.secret}
        return {**fixed, **self.namespace_args}

    def _close(self) -> None:
        """Forget the manager; the next save opens a new one."""
        self.__dict__.pop("namespace", None)

    def _find(self, now: float) -> dict[str, Any]:
        """Return the data stored under the current id ({} if none), and whether it timed out."""
        self._open()
        data = self._read(now, self._replicated_version(now))
        if self._expiry is not None and self.namespace.session.maybe_stale:
            # A replica may lack the latest access time, or the last log-in.
            data = self._read(now, None)
        return data

    def _read(self, now: float, seen_version: int | None) -> dict[str, Any]:
        record: SessionRecord = self.namespace.session
        timeouts = self.timeout, record.storage.options.absolute_timeout
        self._expiry = None
        try:
            data = self._decode(record.read(seen_version=seen_version))
        except KeyError:
            if record.expired is not None:
                self._expiry = expiry(record.expired, now, *timeouts) or IDLE
            return {}
        self._expiry = expiry(data, now, *timeouts)
        return data

    def _data_version(self) -> tuple[int, int] | None:
        manager = self.__dict__.get("namespace")
        if manager is None or manager.namespace != self.id:
            return None
        if manager.backend.options.consistent_read != "auto":
            return None
        version: tuple[int, int] | None = manager.session.version
        return version

    def _surely_changed(self, data: Mapping[str, Any]) -> bool:
        """Return whether data to save surely differs from what is stored; False means "unknown"."""
        # Another serializer might store a value as another one.
        pickles = type(self.serializer) is PickleSerializer
        return pickles and surely_differs(self._saved or self.accessed_dict, data)

    # -- payload --------------------------------------------------------------------------------

    def _decode(self, payload: Any, serializer: Any = None) -> dict[str, Any]:
        """Return the data of a payload.

        :param serializer: used in place of that of ``data_serializer``.
        """
        try:
            if isinstance(payload, SessionBytes) and not self.encrypt_key:
                return dict((serializer or self.serializer).loads(payload) or {})
            text = SessionBytes.text(payload)
            if serializer is None:
                return dict(self._decrypt_data(text) or {})
            # Beaker's function reads attributes only, and other threads may use this session.
            attributes = SimpleNamespace(**{**vars(self), "serializer": serializer})
            return dict(Session._decrypt_data(attributes, text) or {})
        except PayloadError:
            raise
        except Exception as error:
            # Decrypting and unpickling may raise anything, and Beaker would treat a KeyError or
            # TypeError as "no session".
            raise PayloadError(
                f"cannot decode a session's payload: {type(error).__name__}"
            ) from cause(error)

    def _encode(self, data: dict[str, Any]) -> Any:
        try:
            if self.encrypt_key:
                return self._encrypt_data(data)
            return SessionBytes(self.serializer.dumps(data))
        except Exception as error:
            # Pickling runs code of the values, which may raise anything.
            raise PayloadError(
                f"data_serializer cannot encode a session's data: {type(error).__name__}"
            ) from cause(error)

    def _decode_if_possible(self, payload: Any) -> dict[str, Any] | None:
        try:
            return self._decode(payload)
        except PayloadError:
            return None

    def _plain(self, payload: Any) -> Any:
        """Return an unsigned payload encoded again.

        :raises PayloadError: it contains anything but plain data.
        """
        if type(self.serializer) is PickleSerializer:
            return self._encode(self._decode(payload, plain_pickle))
        if type(self.serializer) is JsonSerializer:
            return self._encode(self._decode(payload))
        raise PayloadError(
            "an unsigned session of another data_serializer cannot be checked for plain data "
            "(option accept_unsigned)"
        )

    def _encode_like(self, data: Mapping[str, Any], like: Any) -> Any:
        return self._encode(dict(data))
