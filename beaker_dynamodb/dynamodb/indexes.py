"""The global secondary indexes that sessions are found by, one for each of ``index_keys``.

An index is sparse: only items that have the special key are in it. It holds what a list of
sessions shows, and no payload, so that its writes stay at one unit.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from beaker_dynamodb.config.attributes import INDEXED_ATTRIBUTES
from beaker_dynamodb.exceptions import ConfigurationError

if TYPE_CHECKING:
    from beaker_dynamodb.config.options import Options

#: Capacity of a provisioned table where only the other one is given; the forerunner's default.
DEFAULT_CAPACITY_UNITS = 5
#: Index names have 3 to 255 of these characters (AWS developer guide, "Naming rules").
_INDEX_NAME = re.compile(r"[A-Za-z0-9_.-]{3,255}")


def index_name(key: str) -> str:
    """Give the name of a special key's index: ``beaker-userId``.

    A key that cannot stand in an index's name stands there as a digest.
    """
    name = f"beaker-{key}"
    if _INDEX_NAME.fullmatch(name):
        return name
    return f"beaker-{hashlib.sha256(key.encode()).hexdigest()}"


def throughput(options: Options) -> dict[str, int]:
    """Give the capacity of a provisioned table, which each of its indexes has as well."""
    return {
        "ReadCapacityUnits": options.read_capacity_units or DEFAULT_CAPACITY_UNITS,
        "WriteCapacityUnits": options.write_capacity_units or DEFAULT_CAPACITY_UNITS,
    }


def attribute_definitions(options: Options) -> list[dict[str, str]]:
    """Give the AttributeDefinitions of the indexes' keys."""
    types = dict(options.special_keys)
    return [{"AttributeName": key, "AttributeType": types[key]} for key in options.index_keys]


def definitions(options: Options) -> list[dict[str, Any]]:
    """Give the GlobalSecondaryIndexes of CreateTable; empty without ``index_keys``."""
    return [_definition(options, key) for key in options.index_keys]


def _definition(options: Options, key: str) -> dict[str, Any]:
    others = [name for name, _ in options.special_keys if name != key]
    index: dict[str, Any] = {
        "IndexName": index_name(key),
        "KeySchema": [{"AttributeName": key, "KeyType": "HASH"}],
        "Projection": {
            "ProjectionType": "INCLUDE",
            "NonKeyAttributes": [options.ttl_attribute, *INDEXED_ATTRIBUTES, *others],
        },
    }
    if options.provisioned:
        index["ProvisionedThroughput"] = throughput(options)
    return index


def missing(options: Options, description: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Give the indexes that a table lacks, each as `definitions` has it.

    :param description: the ``Table`` of DescribeTable.
    :raises ConfigurationError: an index of that name is there, with another key.
    """
    present = {index["IndexName"]: index for index in description.get("GlobalSecondaryIndexes", ())}
    types = {d["AttributeName"]: d["AttributeType"] for d in description["AttributeDefinitions"]}
    lacking = []
    for key in options.index_keys:
        kind = dict(options.special_keys)[key]
        wanted = _definition(options, key)
        index = present.get(wanted["IndexName"])
        if index is None:
            lacking.append(wanted)
        # moto forgets the types of all keys but the one that was added last.
        elif index["KeySchema"] != wanted["KeySchema"] or types.get(key, kind) != kind:
            found = ", ".join(
                f"{k['AttributeName']} ({types.get(k['AttributeName'], '?')})"
                for k in index["KeySchema"]
            )
            raise ConfigurationError(
                f"index {index['IndexName']!r} of table {options.table_name!r} has the key "
                f"{found}, the options say {key} ({kind})",
                table=options.table_name,
            )
    return lacking


def addition(options: Options, index: Mapping[str, Any]) -> dict[str, Any]:
    """Give the parameters of UpdateTable that add one of `missing`; it takes one at a time."""
    (key,) = index["KeySchema"]
    return {
        "TableName": options.table_name,
        "AttributeDefinitions": [
            d for d in attribute_definitions(options) if d["AttributeName"] == key["AttributeName"]
        ],
        "GlobalSecondaryIndexUpdates": [{"Create": dict(index)}],
    }
