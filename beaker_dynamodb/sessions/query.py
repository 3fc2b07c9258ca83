"""Find and delete the sessions of a table, without reading their payloads."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import closing
from decimal import Decimal
from functools import reduce
from operator import and_
from typing import Any

from beaker_dynamodb.config.attributes import INDEXED_ATTRIBUTES
from beaker_dynamodb.dynamodb.calls import MAX_PAGE
from beaker_dynamodb.dynamodb.error_mapping import ConditionFailed
from beaker_dynamodb.dynamodb.expressions import Attr, Condition, read_params, write_params
from beaker_dynamodb.dynamodb.indexes import index_name
from beaker_dynamodb.dynamodb.scan import scan
from beaker_dynamodb.exceptions import ConfigurationError, DynamoDBError
from beaker_dynamodb.items.item import SESSION, Attributes
from beaker_dynamodb.items.keys import Key
from beaker_dynamodb.items.store import ItemStore

#: The first page for a caller that takes N sessions has N * PAGE_FACTOR items, but at least
#: MIN_PAGE. Each further page is PAGE_GROWTH times as large: sessions may be rare in a table.
PAGE_FACTOR, MIN_PAGE, PAGE_GROWTH = 2, 25, 4

#: Key and attributes of each session. Expired sessions are included.
Found = Generator[tuple["Key", Mapping[str, Any]], None, None]


class SessionQuery:
    """Finds and deletes the sessions with one key prefix."""

    def __init__(self, items: ItemStore) -> None:
        self._items = items
        self._options = items.options

    def find(
        self,
        special: Mapping[str, Attributes],
        condition: Condition | None = None,
        expected: int | None = None,
    ) -> Found:
        """Yield the sessions with these special keys, by a Query of an index.

        The index may lag behind the table.

        :param special: special keys as DynamoDB attributes. At least one must have an index.
        :param condition: an additional condition on the sessions.
        :param expected: the number of sessions after which the caller stops, or None if it reads
            all.
        :raises ConfigurationError: none of the keys has an index, or the table lacks it.
        """
        indexed = next((name for name in self._options.index_keys if name in special), None)
        if indexed is None:
            raise ConfigurationError(
                f"Cannot find sessions by {', '.join(map(repr, special))}: no index. Write :index "
                "after a special key's type (userId:S:index), then run beaker-dynamodb create-table"
            )
        others = {name: value for name, value in special.items() if name != indexed}
        params = {
            **read_params(
                key=Attr(indexed).eq(special[indexed]), filter=self._with_prefix(condition)
            ),
            "IndexName": index_name(indexed),
            # An older index lacks special keys that were added to the options later. DynamoDB
            # rejects a Query that names one of them.
            "Select": "ALL_PROJECTED_ATTRIBUTES",
        }
        try:
            for key, attributes in self._of_prefix(self._pages("query", params, expected)):
                if self._has(others, key, attributes):
                    yield key, attributes
        except DynamoDBError as error:
            if error.aws_code == "ValidationException" and "index" in str(error):
                raise ConfigurationError(
                    f"Cannot read index {index_name(indexed)!r} of table "
                    f"{self._options.table_name!r}; beaker-dynamodb create-table adds a missing "
                    f"one. {error}",
                    operation="Query",
                    table=self._options.table_name,
                    aws_code=error.aws_code,
                ) from error
            raise

    def all(
        self,
        condition: Condition | None = None,
        expected: int | None = None,
        *,
        consistent: bool = False,
    ) -> Found:
        """Yield all sessions, by a Scan of the whole table.

        :param consistent: read consistently even if the option ``consistent_read`` is off.
        :param condition: as in `find`.
        :param expected: as in `find`. With a number, pages are small and read one at a time.
        """
        params = read_params(filter=self._with_prefix(condition), projection=self._projection())
        params["ConsistentRead"] = consistent or bool(self._options.consistent_read)
        if expected is not None:
            yield from self._of_prefix(self._pages("scan", params, expected))
            return
        with closing(scan(self._items, params)) as pages:
            for page in pages:
                yield from self._of_prefix(page.items)

    def delete(
        self, key: Key, special: Mapping[str, Attributes], condition: Condition | None = None
    ) -> Mapping[str, Any] | None:
        """Delete a session if it has these special keys: one DeleteItem, and one write per chunk.

        :param condition: an additional condition on the session.
        :returns: the deleted item's attributes, or None if the session does not exist.
        """
        try:
            answer = self._items.call(
                "delete_item",
                Key=self._items.layout.key_attributes(key),
                ReturnValues="ALL_OLD",
                **write_params(_is_session(special, condition), return_item=False),
            )
        except ConditionFailed:
            return None
        deleted: Mapping[str, Any] = answer["Attributes"]
        self._items.chunks.delete_of(deleted)
        return deleted

    def _with_prefix(self, extra: Condition | None) -> Condition:
        condition = _is_session({}, extra)
        prefix = self._items.keys.prefixes[0]
        if prefix:
            condition &= Attr(self._options.hash_key).begins_with(prefix)
        return condition

    def _projection(self) -> list[str]:
        """Return the names of all attributes except the payload."""
        options = self._options
        others = [options.ttl_attribute, *INDEXED_ATTRIBUTES, *options.special_types]
        return [*self._items.key_names, *others]

    def _has(
        self, special: Mapping[str, Attributes], key: Key, attributes: Mapping[str, Any]
    ) -> bool:
        """Return whether an item has these special keys.

        :param attributes: those in the index. If it lacks a special key, a GetItem reads them all.
        """
        if special.keys() <= attributes.keys():
            return _have(attributes, special)
        answer = self._items.call(
            "get_item",
            Key=self._items.layout.key_attributes(key),
            **read_params(projection=list(special)),
        )
        return _have(answer.get("Item", {}), special)

    def _pages(
        self, method: str, params: dict[str, Any], expected: int | None
    ) -> Iterator[Attributes]:
        """Return the items of a Query or Scan, in growing pages if the caller may stop early."""
        if expected is not None:
            params["Limit"] = min(max(PAGE_FACTOR * expected, MIN_PAGE), MAX_PAGE)
        return self._items.read_all(method, growth=PAGE_GROWTH, **params)

    def _of_prefix(self, found: Iterable[Mapping[str, Any]]) -> Found:
        for attributes in found:
            key = self._items.layout.key(attributes)
            if self._items.keys.is_session(key):
                yield key, attributes


def _have(attributes: Mapping[str, Any], special: Mapping[str, Attributes]) -> bool:
    return all(
        _comparable(attributes.get(name)) == _comparable(value) for name, value in special.items()
    )


def _comparable(value: Mapping[str, Any] | None) -> object:
    # 42 and 42.0 are the same number.
    return Decimal(value["N"]) if value and "N" in value else value


def _is_session(special: Mapping[str, Attributes], extra: Condition | None) -> Condition:
    """Return the condition that an item is a session with these special keys."""
    conditions = [Attr(name).eq(value) for name, value in special.items()]
    if extra is not None:
        conditions.append(extra)
    return reduce(and_, conditions, Attr("type").eq(SESSION))
