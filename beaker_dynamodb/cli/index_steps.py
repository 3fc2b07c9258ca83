"""Adds the indexes that an existing table lacks, and replaces those without some attributes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from beaker_dynamodb.cli.table_changes import CHANGED, DIFFERS, KEPT, Step, TableChanges
from beaker_dynamodb.config.parse import Options
from beaker_dynamodb.dynamodb import indexes


def index_steps(
    table: TableChanges, options: Options, described: Mapping[str, Any], *, replace: bool
) -> Iterator[Step]:
    """Yield a step for each index, once it can be used.

    :param described: the table's description.
    :param replace: delete an index that lacks attributes, and create it again.
    """
    missing = {index["IndexName"] for index in indexes.missing(options, described)}
    for wanted in indexes.definitions(options):
        name = wanted["IndexName"]
        if name in missing:
            _create(table, options, described, wanted)
            yield Step(CHANGED, f"index {name!r} added")
            continue
        found = indexes.find(described, name) or {}
        if not _is_active(name, described):
            table.wait(f"index {name!r}", partial(_is_active, name))
        lacking = ", ".join(indexes.lacking(found, wanted))
        if not lacking:
            yield Step(KEPT, f"index {name!r} is there")
        elif replace:
            delete = [{"Delete": {"IndexName": name}}]
            table.change("UpdateTable", GlobalSecondaryIndexUpdates=delete)
            table.wait(f"the deletion of index {name!r}", partial(_is_gone, name))
            _create(table, options, described, wanted)
            yield Step(CHANGED, f"index {name!r} replaced; it now has {lacking}")
        else:
            # The attributes of an index cannot be changed. It finds sessions without them too.
            yield Step(
                DIFFERS,
                f"index {name!r} has no {lacking}, so finding sessions by it takes a read for each "
                "of them; --replace-indexes creates it again",
            )


def _create(
    table: TableChanges, options: Options, described: Mapping[str, Any], wanted: Mapping[str, Any]
) -> None:
    name = wanted["IndexName"]
    # UpdateTable creates one index at a time.
    request = indexes.addition(options, _billed_as(described, wanted))
    # Send the existing definitions too: moto forgets those that are not sent.
    new = request["AttributeDefinitions"]
    others = [d for d in described["AttributeDefinitions"] if d not in new]
    table.change("UpdateTable", **{**request, "AttributeDefinitions": others + new})
    table.wait(f"index {name!r}", partial(_is_active, name))


def _billed_as(described: Mapping[str, Any], index: Mapping[str, Any]) -> dict[str, Any]:
    """Return an index with the capacity that its table needs, which may differ from the options."""
    billed = {name: value for name, value in index.items() if name != "ProvisionedThroughput"}
    if billing_mode(described) == "PROVISIONED":
        units = index.get("ProvisionedThroughput") or described["ProvisionedThroughput"]
        names = ("ReadCapacityUnits", "WriteCapacityUnits")
        billed["ProvisionedThroughput"] = {name: units[name] for name in names}
    return billed


def _is_active(name: str, described: Mapping[str, Any]) -> bool:
    index = indexes.find(described, name)
    # moto does not return a status.
    return index is not None and index.get("IndexStatus", "ACTIVE") == "ACTIVE"


def _is_gone(name: str, described: Mapping[str, Any]) -> bool:
    return indexes.find(described, name) is None


def billing_mode(described: Mapping[str, Any]) -> str:
    """Return how a table is billed: ``PROVISIONED`` or ``PAY_PER_REQUEST``."""
    mode: str = described.get("BillingModeSummary", {}).get("BillingMode", "PROVISIONED")
    return mode
