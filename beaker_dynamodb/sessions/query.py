"""The items of sessions, as an operator wants them: listed without their payload, and deleted."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Any

from beaker_dynamodb.config.attributes import INDEXED_ATTRIBUTES
from beaker_dynamodb.dynamodb.error_mapping import ConditionFailed
from beaker_dynamodb.dynamodb.indexes import index_name
from beaker_dynamodb.dynamodb.scan import scan
from beaker_dynamodb.exceptions import ConfigurationError, DynamoDBError
from beaker_dynamodb.items.item import SESSION, Attributes

if TYPE_CHECKING:
    from beaker_dynamodb.items.keys import Key, Keys
    from beaker_dynamodb.items.store import ItemStore

#: Calls that run at once when the whole table is read.
SCAN_SEGMENTS = 4

#: Key and attributes of each session, as the caller wants them.
Found = Generator[tuple["Key", Mapping[str, Any]], None, None]


class SessionItems:
    """Finds and deletes the sessions of one prefix.

    :param items: the table.
    :param keys: of the prefix.
    """

    def __init__(self, items: ItemStore, keys: Keys) -> None:
        self._items = items
        self._keys = keys
        self._options = items.options
        self._layout = items.layout

    def find(self, wanted: Mapping[str, Attributes]) -> Found:
        """Give key and attributes of the sessions that have these special keys, expired ones too.

        One Query a page, of an index: what was written a moment ago may not be there yet.

        :param wanted: special keys and their values; one of them has to have an index.
        :raises ConfigurationError: none has, or the table lacks it.
        """
        key = next((name for name in self._options.index_keys if name in wanted), None)
        if key is None:
            raise ConfigurationError(
                f"sessions cannot be found by {', '.join(map(repr, wanted))}: none of them is in "
                "the option index_keys"
            )
        # The sessions of this prefix whose special keys have these values.
        conditions, names, values = self._filter()
        for n, name in enumerate(wanted):
            names[f"#w{n}"], values[f":w{n}"] = name, wanted[name]
            if name != key:
                conditions.append(f"#w{n} = :w{n}")
        n = list(wanted).index(key)
        params = {
            **self._params(conditions, names, values),
            "IndexName": index_name(key),
            "KeyConditionExpression": f"#w{n} = :w{n}",
        }
        while True:
            try:
                answer = self._items.call("query", **params)
            except DynamoDBError as error:
                if error.aws_code == "ValidationException" and "index" in str(error):
                    raise ConfigurationError(
                        f"index {index_name(key)!r} of table {self._options.table_name!r} cannot "
                        f"be read: {error}",
                        operation="Query",
                        table=self._options.table_name,
                        aws_code=error.aws_code,
                    ) from error
                raise
            yield from self._ours(answer["Items"])
            if "LastEvaluatedKey" not in answer:
                return
            params["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def all(self) -> Found:
        """Give key and attributes of all sessions, expired ones too: a Scan of the whole table."""
        params = self._params(*self._filter())
        params["ConsistentRead"] = bool(self._options.consistent_read)
        with closing(scan(self._items, params, segments=SCAN_SEGMENTS)) as pages:
            for page in pages:
                yield from self._ours(page.items)

    def delete(self, key: Key, wanted: Mapping[str, Attributes]) -> Mapping[str, Any] | None:
        """Delete a session that has these special keys, with its chunks: one DeleteItem.

        :param wanted: what it must have, by now; empty: it is deleted whatever it has.
        :returns: the item as it was; None: it was not there, or has not got them.
        """
        # Holds when the item is a session, and its special keys have these values.
        conditions = ["#type = :session"]
        names, values = {"#type": "type"}, {":session": {"S": SESSION}}
        for n, name in enumerate(wanted):
            conditions.append(f"#w{n} = :w{n}")
            names[f"#w{n}"], values[f":w{n}"] = name, wanted[name]
        try:
            answer = self._items.call(
                "delete_item",
                Key=self._layout.key_attributes(key),
                ConditionExpression=" AND ".join(conditions),
                ExpressionAttributeNames=names,
                ExpressionAttributeValues=values,
                ReturnValues="ALL_OLD",
            )
        except ConditionFailed:
            return None
        found: Mapping[str, Any] = answer["Attributes"]
        self._items.chunks.delete_of(found)
        return found

    def _filter(self) -> tuple[list[str], dict[str, str], dict[str, Attributes]]:
        conditions, names = ["#type = :session"], {"#type": "type"}
        values: dict[str, Attributes] = {":session": {"S": SESSION}}
        beginning = self._keys.beginnings[0]
        if beginning:
            conditions.append("begins_with(#key, :beginning)")
            values[":beginning"] = {"S": beginning}
        names["#key"] = self._options.hash_key
        return conditions, names, values

    def _params(
        self, conditions: list[str], names: dict[str, str], values: dict[str, Attributes]
    ) -> dict[str, Any]:
        # Everything but the payload.
        shown = [self._options.ttl_attribute, *INDEXED_ATTRIBUTES]
        shown += [name for name, _ in self._options.special_keys]
        if self._options.sort_key is not None:
            shown.append(self._options.sort_key)
        aliases = {f"#s{n}": name for n, name in enumerate(shown)}
        return {
            "FilterExpression": " AND ".join(conditions),
            "ProjectionExpression": ", ".join(["#key", *aliases]),
            "ExpressionAttributeNames": {**names, **aliases},
            "ExpressionAttributeValues": values,
        }

    def _ours(self, listed: list[Mapping[str, Any]]) -> Iterator[tuple[Key, Mapping[str, Any]]]:
        for attributes in listed:
            key = self._layout.key(attributes)
            if self._keys.is_session(key):
                yield key, attributes
