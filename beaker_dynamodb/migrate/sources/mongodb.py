"""Beaker's backend ``ext:mongodb``: a document with the ``_id`` ``ID:session`` for each session.

The collection is ``backer_cache``, which is how beaker/ext/mongodb.py spells it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from beaker_dynamodb.exceptions import ConfigurationError
from beaker_dynamodb.migrate.sources import Entry, Foreign, of_value, reading

END = ":session"
#: Documents that are fetched at a time.
BATCH_DOCUMENTS = 500


class MongoSource:
    """The default database of a MongoDB server.

    :param url: the option of the same name, ``mongodb://HOST/DATABASE``; or a client.
    :raises ConfigurationError: pymongo is missing, or it cannot read the url, or the url names no
        database.
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
            # Their texts may repeat the url, and with it a password.
            raise ConfigurationError(
                "pymongo cannot read the url, which has the form mongodb://HOST/DATABASE"
            ) from None
        self.name = f"the database {self._database.name} in MongoDB"

    def entries(self, marks: Mapping[int, Mapping[str, Any] | None]) -> Iterator[Entry]:
        """Give what is in the documents."""
        with reading(self.name):
            try:
                sessions = {"_id": {"$regex": f"{END}$"}}
                documents = self._database.backer_cache.find(sessions, batch_size=BATCH_DOCUMENTS)
                for document in documents:
                    yield _entry(document)
            finally:
                self._client.close()


def _entry(document: Mapping[str, Any]) -> Entry:
    if "value" not in document:
        return Foreign()
    expiration = document.get("expiration")  # epoch seconds
    return of_value(
        document["_id"][: -len(END)],
        bytes(document["value"]),
        expires_ms=None if expiration is None else round(expiration * 1000),
    )
