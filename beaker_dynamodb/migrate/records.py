"""Records of earlier runs, as items in the target table.

A session that was copied once is never created again: if it is missing later, its user has logged
out. So every copy is written together with its record, a small item under the digest of the
session's id. Records do not depend on the source's name, which differs between hosts.

Each run is recorded too, under the digest of the source's name.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from beaker_dynamodb.dynamodb import batches
from beaker_dynamodb.dynamodb.expressions import Attributes
from beaker_dynamodb.exceptions import ConfigurationError
from beaker_dynamodb.items.chunks import LONGEST_LIFE_MS
from beaker_dynamodb.items.item import MIGRATION
from beaker_dynamodb.items.keys import Key
from beaker_dynamodb.items.layout import milliseconds, seconds
from beaker_dynamodb.items.store import ItemStore

#: How long a record, and a copy that no user has changed, stay in the table after the copy has
#: expired. The time between two runs must be shorter.
KEPT_DAYS = 30
KEPT_MS = KEPT_DAYS * 86_400_000


@dataclass(frozen=True, slots=True)
class Run:
    """An earlier run from the same source; times in milliseconds since the epoch.

    :param ended_ms: None if it was interrupted.
    """

    started_ms: int
    ended_ms: int | None


@dataclass(frozen=True, slots=True)
class Stored:
    """The target's item and record for one session of the source.

    :param recorded: an earlier run has copied the session, or found it in the target.
    :param attributes: the session's item, its marker, or None.
    """

    recorded: bool
    attributes: Mapping[str, Any] | None


class Records:
    """The records in one target.

    :param source: name of the source.
    """

    def __init__(self, items: ItemStore, source: str) -> None:
        self._items = items
        self._source = source
        self._run = items.keys.migration(f"run|{hashlib.sha256(source.encode()).hexdigest()}")
        self._started_ms = items.now_ms()
        #: Whether `last_run` found no table.
        self.no_table = False

    def last_run(self, *, table_may_be_missing: bool = False) -> Run | None:
        """Return the last run from this source, or None. This is the first call to the target.

        :param table_may_be_missing: return None without the table, and set ``no_table``.
        :raises ConfigurationError: the table does not exist, or its key differs from the options.
        """
        key = self._items.layout.key_attributes(self._run)
        try:
            found = self._items.call("get_item", Key=key, ConsistentRead=True).get("Item")
        except ConfigurationError as error:
            if error.aws_code != "ResourceNotFoundException":
                raise
            if not table_may_be_missing:
                table = self._items.options.table_name
                raise ConfigurationError(
                    f"the target table {table!r} does not exist; check its name and Region, or "
                    "create it with --create"
                ) from None
            self.no_table = True
            found = None
        if found is None:
            return None
        ended_ms = milliseconds(found["ended"]) if "ended" in found else None
        return Run(milliseconds(found["created"]), ended_ms)

    def note_run(self, counts: Mapping[str, Any] | None = None) -> None:
        """Store the start of this run, or its end.

        :param counts: the report at the end, or None at the start.
        """
        attributes: Attributes = {
            **self._items.layout.key_attributes(self._run),
            "type": {"S": MIGRATION},
            "created": seconds(self._started_ms),
            "source": {"S": self._source},
        }
        if counts is not None:
            attributes["ended"] = seconds(self._items.now_ms())
            attributes["counts"] = {"S": json.dumps(counts)}
        self._items.call("put_item", Item=attributes)

    def look_up(self, keys: Mapping[str, Key]) -> dict[str, Stored]:
        """Read the target's items and records of sessions, in as few calls as possible.

        :param keys: the keys of sessions in the target, by the digest of their id.
        """
        if self.no_table:
            return dict.fromkeys(keys, Stored(False, None))
        layout = self._items.layout
        records = {digest: self._items.keys.migration(digest) for digest in keys}
        wanted = [layout.key_attributes(key) for key in (*keys.values(), *records.values())]
        found = {
            layout.key(attributes): attributes
            for attributes in batches.get(self._items, wanted, consistent_read=True)
        }
        return {
            digest: Stored(records[digest] in found, found.get(key)) for digest, key in keys.items()
        }

    def record(self, digest: str, deadline_ms: int | None) -> Attributes:
        """Return the item that records a copy.

        :param deadline_ms: when the copied session expires; None means never.
        """
        now_ms = self._items.now_ms()
        if deadline_ms is None:
            deadline_ms = now_ms + LONGEST_LIFE_MS
        return {
            **self._items.layout.key_attributes(self._items.keys.migration(digest)),
            "type": {"S": MIGRATION},
            "created": seconds(now_ms),
            "writer": {"S": secrets.token_urlsafe(9)},
            **self._items.layout.expiry(deadline_ms + KEPT_MS),
        }
