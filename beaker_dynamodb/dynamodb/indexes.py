"""Global secondary indexes for finding sessions, one for each special key with ``:index``.

Each index is sparse: it contains only items with its special key. It projects the attributes that
a list of sessions shows, but not the payload, so that a write to the index usually costs one unit.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from beaker_dynamodb.config.attributes import INDEXED_ATTRIBUTES
from beaker_dynamodb.config.options import Options
from beaker_dynamodb.exceptions import ConfigurationError

#: Read or write capacity of a provisioned table if only the other one is set.
DEFAULT_CAPACITY_UNITS = 5
#: Index names have 3 to 255 of these characters (AWS developer guide, "Naming rules").
_INDEX_NAME = r"[A-Za-z0-9_.-]{3,255}"


def index_name(key: str) -> str:
    """Return the name of a special key's index, for instance ``beaker-userId``.

    If that is not a valid index name, a digest replaces the key.
    """
    name = f"beaker-{key}"
    if re.fullmatch(_INDEX_NAME, name):
        return name
    return f"beaker-{hashlib.sha256(key.encode()).hexdigest()}"


def throughput(options: Options) -> dict[str, int]:
    """Return the capacity of a provisioned table and of each of its indexes."""
    return {
        "ReadCapacityUnits": options.read_capacity_units or DEFAULT_CAPACITY_UNITS,
        "WriteCapacityUnits": options.write_capacity_units or DEFAULT_CAPACITY_UNITS,
    }


def attribute_definitions(options: Options) -> list[dict[str, str]]:
    """Return the AttributeDefinitions of the indexes' keys."""
    types = options.special_types
    return [{"AttributeName": key, "AttributeType": types[key]} for key in options.index_keys]


def definitions(options: Options) -> list[dict[str, Any]]:
    """Return the GlobalSecondaryIndexes of CreateTable; empty without indexed special keys."""
    return [_definition(options, key) for key in options.index_keys]


def _definition(options: Options, key: str) -> dict[str, Any]:
    others = [name for name in options.special_types if name != key]
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
    """Return the definitions of the indexes that a table lacks.

    :param description: the ``Table`` of DescribeTable.
    :raises ConfigurationError: an index of the table has the right name but a different key.
    """
    present = {index["IndexName"]: index for index in description.get("GlobalSecondaryIndexes", ())}
    types = {d["AttributeName"]: d["AttributeType"] for d in description["AttributeDefinitions"]}
    absent = []
    for key in options.index_keys:
        kind = options.special_types[key]
        wanted = _definition(options, key)
        index = present.get(wanted["IndexName"])
        if index is None:
            absent.append(wanted)
        # moto returns only the type of the key that was added last, so a missing type is accepted.
        elif index["KeySchema"] != wanted["KeySchema"] or types.get(key, kind) != kind:
            found = ", ".join(
                f"{k['AttributeName']} ({types.get(k['AttributeName'], '?')})"
                for k in index["KeySchema"]
            )
            raise ConfigurationError(
                f"index {index['IndexName']!r} of table {options.table_name!r} has the key "
                f"{found}, but the options say {key} ({kind})",
                table=options.table_name,
            )
    return absent


def find(description: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    """Return the index with this name from the ``Table`` of DescribeTable, or None."""
    present = description.get("GlobalSecondaryIndexes", ())
    return next((index for index in present if index["IndexName"] == name), None)


def lacking(index: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """Return the attributes that an index does not project, such as special keys added later."""
    if index["Projection"]["ProjectionType"] == "ALL":
        return []
    present = index["Projection"].get("NonKeyAttributes", [])
    return sorted(set(wanted["Projection"]["NonKeyAttributes"]) - set(present))


def addition(options: Options, index: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of UpdateTable to add an index; each call can add only one."""
    (key,) = index["KeySchema"]
    return {
        "TableName": options.table_name,
        "AttributeDefinitions": [
            d for d in attribute_definitions(options) if d["AttributeName"] == key["AttributeName"]
        ],
        "GlobalSecondaryIndexUpdates": [{"Create": dict(index)}],
    }
