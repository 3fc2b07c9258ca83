"""Converts (namespace, key) to a primary key and back.

===========  ==============================  ==========================================
item         table with a partition key      table with a sort key: partition, sort
===========  ==============================  ==========================================
session      ``sess:ID``                     ``sess:ID``, ``session``
cache entry  ``cache:NAMESPACE|KEY``         ``cache:NAMESPACE``, ``|KEY``
lock         ``cache:|lock|NAMESPACE|KEY``   ``cache:|lock|NAMESPACE``, ``|KEY``
chunk        ``cache:|chunk|NAME|NUMBER``    ``cache:|chunk|NAME|NUMBER``, ``|``
migration    ``sess:|migration|NAME``        ``sess:|migration|NAME``, ``|``
user         ``sess:|user|DIGEST``           ``sess:|user|DIGEST``, ``|``
===========  ==============================  ==========================================

The option ``prefix`` replaces ``sess:`` and ``cache:``. ID, NAMESPACE and KEY are percent-encoded;
KEY comes last, so it keeps its ``|`` and ``:``. The empty string becomes ``%``. A part that is too
long for DynamoDB becomes ``%#``, which percent-encoding never produces, and its SHA-256. An
attribute keeps the original. With ``hash_ids``, every ID becomes a digest, and is not kept.
"""

from __future__ import annotations

import hashlib
import string
from dataclasses import dataclass, field
from urllib.parse import quote, unquote_to_bytes

from beaker_dynamodb.config.options import Options

SESSION_PREFIX = "sess:"
CACHE_PREFIX = "cache:"
#: What follows the prefix in the partition keys of creation locks, migrations and users.
LOCKS, MIGRATIONS, USERS = "|lock|", "|migration|", "|user|"
#: The sort key of a session. Every other sort key begins with ``|``.
SESSION_SORT = "session"

#: Longest encoded parts. With a prefix of 255 bytes they stay within DynamoDB's limits: 2048 bytes
#: of partition key, 1024 of sort key (AWS developer guide, quotas).
MAX_NAMESPACE_BYTES = 700
MAX_KEY_BYTES = 1000

_KEY_SAFE = "".join(sorted(set(string.printable) - set(string.whitespace) - set("%"))) + " "
_NAMESPACE_SAFE = _KEY_SAFE.replace("|", "").replace(":", "")


@dataclass(frozen=True, slots=True, repr=False)
class Key:
    """A primary key.

    :param sort: None on a table without a sort key.
    :param originals: the parts that were too long and were replaced by a digest, by attribute name.
    """

    partition: str
    sort: str | None = None
    originals: dict[str, bytes] = field(default_factory=dict, compare=False)

    @property
    def hashed(self) -> str:
        """A short hash for messages: the key may contain a session's id."""
        return short_hash(f"{self.partition} {self.sort}")

    def __repr__(self) -> str:
        return f"<Key {self.hashed}>"


class Keys:
    """The primary keys of one prefix in one table."""

    def __init__(self, options: Options) -> None:
        prefix = options.prefix
        self._sorted = options.sort_key is not None
        self._session_sort = SESSION_SORT if self._sorted else None
        #: The sort key of chunks, migrations and users.
        self._other_sort = "|" if self._sorted else None
        self._hash_ids = bool(options.hash_ids)
        self._session = SESSION_PREFIX if prefix is None else prefix
        self._cache = CACHE_PREFIX if prefix is None else prefix
        #: Prefixes of the partition keys of sessions and of cache entries.
        self.prefixes = (self._session, self._cache)

    def session(self, session_id: str, *, hashed: bool = True) -> Key:
        """Return the key of a session.

        :param hashed: False for the key that the session has without ``hash_ids``.
        """
        if self._hash_ids and hashed:
            return self.of_digest(_digest(key_bytes(session_id)))
        originals: dict[str, bytes] = {}
        part = _part(session_id, "namespace", originals)
        return Key(self._session + part, self._session_sort, originals)

    def is_session(self, key: Key) -> bool:
        """Return whether a key in the table belongs to a session with this prefix."""
        return key.sort in (None, SESSION_SORT) and _is_one_part(self._session, key.partition)

    def session_id(self, key: Key) -> tuple[str, bool]:
        """Return a session's id, or its digest, and whether it is a digest.

        :raises ValueError: the id is not UTF-8. A key of another kind is not detected.
        """
        id = self._session_part(key)
        if isinstance(id, str):
            return id, True
        return id.decode("utf-8", "surrogatepass"), False

    def digest(self, key: Key) -> str:
        """Return the `session_digest` of the id in a session's key."""
        id = self._session_part(key)
        return f"@{id[2:18]}" if isinstance(id, str) else session_digest(id)

    def _session_part(self, key: Key) -> str | bytes:
        """Return the id in a session's key as bytes, or its digest as a string."""
        if "namespace" in key.originals:
            return key.originals["namespace"]
        text = key.partition[len(self._session) :]
        if text.startswith("%#"):
            return text
        return b"" if text == "%" else unquote_to_bytes(text)

    def of_digest(self, digest: str) -> Key:
        """Return the key of the session with this digest (see `session_id`)."""
        return self.session_at(self._session + digest)

    def session_at(self, partition: str) -> Key:
        """Return the key of the session with this partition key."""
        return Key(partition, self._session_sort)

    def entry(self, namespace: str, key: str | bytes) -> Key:
        """Return the key of a cache entry; ``"k"`` and ``b"k"`` are the same entry."""
        return self._two_parts(self._cache, namespace, key)

    def is_entry(self, key: Key) -> bool:
        """Return whether a key in the table belongs to a cache entry with this prefix."""
        partition, bar, _ = key.partition.partition("|")
        if key.sort is not None:
            return not bar and key.sort.startswith("|") and _is_one_part(self._cache, partition)
        return bool(bar) and _is_one_part(self._cache, partition)

    def is_chunk(self, key: Key) -> bool:
        """Return whether a key in the table belongs to a chunk with this prefix."""
        return key.partition.startswith(tuple(f"{prefix}|chunk|" for prefix in self.prefixes))

    def lock(self, namespace: str, key: str | bytes) -> Key:
        """Return the key of a cache entry's creation lock."""
        return self._two_parts(self._cache + LOCKS, namespace, key)

    def locks(self, namespace: str) -> Key:
        """Return the common prefix of the keys of a namespace's creation locks; see `entries`."""
        return self._common_prefix(self._cache + LOCKS, namespace)

    def is_lock(self, key: Key) -> bool:
        """Return whether a key in the table belongs to a creation lock with this prefix."""
        return key.partition.startswith(self._cache + LOCKS)

    def entry_of_lock(self, lock: Key) -> Key:
        """Return the key of the cache entry that a creation lock protects."""
        return Key(self._cache + lock.partition[len(self._cache + LOCKS) :], lock.sort)

    def chunk(self, name: str, number: int, *, of_session: bool) -> Key:
        """Return the key of one chunk; each chunk has its own partition."""
        prefix = self._session if of_session else self._cache
        return Key(f"{prefix}|chunk|{name}|{number}", self._other_sort)

    def migration(self, name: str) -> Key:
        """Return the key of a migration's record."""
        return Key(f"{self._session}{MIGRATIONS}{name}", self._other_sort)

    def is_migration(self, key: Key) -> bool:
        """Return whether a key in the table belongs to a migration's record with this prefix."""
        return key.partition.startswith(self._session + MIGRATIONS)

    def user(self, value: str) -> Key:
        """Return the key of a user item, which contains only a digest of the value."""
        digest = hashlib.sha256(key_bytes(value)).hexdigest()
        return Key(f"{self._session}{USERS}{digest}", self._other_sort)

    def is_user(self, key: Key) -> bool:
        """Return whether a key in the table belongs to a user item with this prefix."""
        return key.partition.startswith(self._session + USERS)

    def _two_parts(self, prefix: str, namespace: str, key: str | bytes) -> Key:
        originals: dict[str, bytes] = {}
        partition = prefix + _part(namespace, "namespace", originals)
        sort = "|" + _part(key, "key", originals)
        if self._sorted:
            return Key(partition, sort, originals)
        return Key(partition + sort, None, originals)

    def entries(self, namespace: str) -> Key:
        """Return the common prefix of the keys of a namespace's cache entries.

        On a table with a sort key, ``partition`` is complete and ``sort`` is a prefix. Otherwise
        ``partition`` is a prefix that ends with ``|``, so that it matches no other namespace.
        """
        return self._common_prefix(self._cache, namespace)

    def _common_prefix(self, prefix: str, namespace: str) -> Key:
        partition = prefix + _part(namespace, "namespace", {})
        return Key(partition, "|") if self._sorted else Key(partition + "|")

    def entry_key(self, namespace: str, key: Key) -> bytes:
        """Return a cache entry's key as Beaker passes it."""
        if "key" in key.originals:
            return key.originals["key"]
        prefix = self.entries(namespace)
        text = key.partition[len(prefix.partition) :] if key.sort is None else key.sort[1:]
        return b"" if text == "%" else unquote_to_bytes(text)


def key_bytes(key: str | bytes) -> bytes:
    """Return a key as bytes: ``"k"`` and ``b"k"`` are the same key."""
    # Keys may contain lone surrogates.
    return key if isinstance(key, bytes) else key.encode("utf-8", "surrogatepass")


def _is_one_part(prefix: str, text: str) -> bool:
    """Return whether a string is the prefix followed by exactly one encoded part."""
    part = text[len(prefix) :]
    return text.startswith(prefix) and bool(part) and ":" not in part and "|" not in part


def _part(value: str | bytes, attribute: str, originals: dict[str, bytes]) -> str:
    if isinstance(value, str) and value.isascii() and value.isalnum() and len(value) <= 64:
        return value  # such as a session id; quote() would return the same
    raw = key_bytes(value)
    safe, limit = (
        (_KEY_SAFE, MAX_KEY_BYTES) if attribute == "key" else (_NAMESPACE_SAFE, MAX_NAMESPACE_BYTES)
    )
    text = quote(raw, safe=safe) or "%"
    if len(text) <= limit:
        return text
    originals[attribute] = raw
    return _digest(raw)


def short_hash(value: str | bytes) -> str:
    """Return 16 hexadecimal digits that identify a key or session id in messages."""
    return hashlib.sha256(key_bytes(value)).hexdigest()[:16]


def session_digest(session_id: str | bytes) -> str:
    """Return the digest that identifies a session in logs, messages and commands.

    The id itself is as good as a password.
    """
    return f"@{short_hash(session_id)}"


def _digest(raw: bytes) -> str:
    return "%#" + hashlib.sha256(raw).hexdigest()
