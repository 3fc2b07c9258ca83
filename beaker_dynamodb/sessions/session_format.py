"""The payload format of a session with Beaker's options: its serializer and its encryption."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from beaker.session import Session
from beaker.util import JsonSerializer, PickleSerializer

from beaker_dynamodb.dynamodb.error_mapping import cause
from beaker_dynamodb.exceptions import PayloadError
from beaker_dynamodb.items import plain_pickle
from beaker_dynamodb.items.codec import SessionBytes

#: Beaker reads every protocol, but writes 2, which takes up to half more space after compression
#: (docs/explanation/storage.md). Not 5, which stores a bytearray in a way that plain_pickle.py
#: refuses.
PROTOCOL = 4


class Protocol4Serializer(PickleSerializer):  # type: ignore[misc]  # Beaker has no type hints
    """Beaker's pickle serializer, but with protocol 4."""

    def dumps(self, data: object) -> bytes:
        """Return a pickle."""
        return pickle.dumps(data, PROTOCOL)


_PICKLES = Protocol4Serializer()


class SessionFormat:
    """A `PayloadFormat` with the serializer and the keys from one session's options.

    It must not refer to the session. The session refers to its record, and the record to this
    format: in such a cycle, each request's data would stay in memory until a garbage collection.
    """

    def __init__(self, session: Session) -> None:
        #: Whether ``data_serializer`` is ``pickle``.
        self.pickles = type(session.serializer) is PickleSerializer
        self.serializer = _PICKLES if self.pickles else session.serializer
        # Beaker's functions read these attributes.
        self.encrypt_key = session.encrypt_key
        self.validate_key = session.validate_key
        self.encrypt_nonce_size = session.encrypt_nonce_size
        self.crypto_module = session.crypto_module

    def decode(self, payload: Any, serializer: Any = None) -> dict[str, Any]:
        """Return the data of a payload.

        :param serializer: used instead of ``data_serializer`` unless None.
        :raises PayloadError: the payload cannot be decoded.
        """
        try:
            if isinstance(payload, SessionBytes) and not self.encrypt_key:
                return dict((serializer or self.serializer).loads(payload) or {})
            attributes: Any = self
            if serializer is not None:
                attributes = SimpleNamespace(**{**vars(self), "serializer": serializer})
            return dict(Session._decrypt_data(attributes, SessionBytes.text(payload)) or {})
        except PayloadError:
            raise
        except Exception as error:
            # Decrypting and unpickling may raise anything, and Beaker would treat a KeyError or
            # TypeError as "no session".
            raise PayloadError(
                f"cannot decode a session's payload: {type(error).__name__}"
            ) from cause(error)

    def encode(self, data: dict[str, Any]) -> Any:
        """Encode data as a payload.

        :raises PayloadError: ``data_serializer`` cannot encode it.
        """
        try:
            if self.encrypt_key:
                return Session._encrypt_data(self, data)
            return SessionBytes(self.serializer.dumps(data))
        except Exception as error:
            # Pickling runs the values' own code, which may raise anything.
            raise PayloadError(
                f"data_serializer cannot encode a session's data: {type(error).__name__}"
            ) from cause(error)

    def loads(self, payload: Any) -> dict[str, Any] | None:
        """Return the data of a payload, or None if it cannot be decoded."""
        try:
            return self.decode(payload)
        except PayloadError:
            return None

    def dumps(self, data: Mapping[str, Any], like: Any) -> Any:
        """Encode data as a payload. ``like`` is ignored: a session has only one format."""
        return self.encode(dict(data))

    def plain(self, payload: Any) -> Any:
        """Decode an unsigned payload as plain data, and encode it again.

        :raises PayloadError: it is not plain data, or the serializer is a custom one.
        """
        if self.pickles:
            return self.encode(self.decode(payload, plain_pickle))
        if type(self.serializer) is JsonSerializer:
            return self.encode(self.decode(payload))
        raise PayloadError(
            "an unsigned session with a custom data_serializer cannot be checked for plain data "
            "(option accept_unsigned)"
        )
