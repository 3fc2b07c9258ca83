"""Beaker's backend ``ext:mongodb``: one document per session, with the ``_id`` ``ID:session``.

The collection is ``backer_cache``, as in beaker/ext/mongodb.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from beaker_dynamodb.exceptions import ConfigurationError
from beaker_dynamodb.migrate.source import Entry, NotASession, Source, from_pickle

SUFFIX = ":session"
#: Documents per fetch.
BATCH_DOCUMENTS = 500


class MongoSource(Source):
    """The database that a MongoDB URL names.

    :param url: Beaker's option, ``mongodb://HOST/DATABASE``, or a client.
    :raises ConfigurationError: pymongo is missing, or the URL is invalid or names no database.
    """

    def __init__(self, url: Any) -> None:
        try:
            import pymongo
            import pymongo.errors
        except ImportError as error:
            raise ConfigurationError(
                f"pymongo is missing ({error}): pip install pymongo"
            ) from error
        try:
            self._client: Any = (
                pymongo.MongoClient(url, connect=False) if isinstance(url, str) else url
            )
            self._database = self._client.get_default_database()
        except pymongo.errors.PyMongoError:
            # The error's message may contain the URL, including a password.
            raise ConfigurationError(
                "pymongo cannot read the url, which must have the form mongodb://HOST/DATABASE"
            ) from None
        self.name = f"the database {self._database.name} in MongoDB"

    def _total(self) -> int | None:
        total: int = self._database.backer_cache.estimated_document_count()
        return total  # includes documents of caches

    def _entries(self) -> Iterator[Entry]:
        sessions = {"_id": {"$regex": f"{SUFFIX}$"}}
        with self._client:
            yield from map(
                _entry, self._database.backer_cache.find(sessions, batch_size=BATCH_DOCUMENTS)
            )


def _entry(document: Mapping[str, Any]) -> Entry:
    if "value" not in document:
        return NotASession()
    expiration = document.get("expiration")  # epoch seconds
    return from_pickle(
        document["_id"][: -len(SUFFIX)],
        bytes(document["value"]),
        expires_ms=None if expiration is None else round(expiration * 1000),
    )
