"""Create the table as the options describe it, or add what it lacks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from beaker_dynamodb.cli.table_changes import CHANGED, DIFFERS, KEPT, Step, TableChanges
from beaker_dynamodb.cli.table_request import (
    Extras,
    billing_text,
    create_request,
    summary,
    tag_list,
)
from beaker_dynamodb.config.options import Options
from beaker_dynamodb.dynamodb import indexes, table, table_state
from beaker_dynamodb.dynamodb.error_mapping import cause, translate
from beaker_dynamodb.exceptions import ConfigurationError, DynamoDBError

#: A table's description, as DescribeTable returns it.
Described = Mapping[str, Any]


@dataclass
class Provisioner:
    """Creates or completes one table.

    :param replace_indexes: replace indexes that lack attributes.
    """

    table: TableChanges
    options: Options
    extras: Extras
    replace_indexes: bool = False

    def steps(self) -> Iterator[Step]:
        """Make the changes; yield each step when it is done.

        :raises ConfigurationError: the table has a different key, index key or time-to-live
            attribute, which cannot be changed. Nothing was changed.
        :raises DynamoDBError: a call failed. The steps already yielded have taken effect.
        """
        request = create_request(self.options, self.extras)
        name = repr(self.options.table_name)
        missing = table_state.describe(self.table.client, self.table.name) is None
        still_missing = missing and self.table.dry_run
        described = None if still_missing else self._create(request, missing)
        if described is None:
            yield Step(CHANGED, f"table {name} created: {summary(request)}")
        else:
            self._check_unchangeable(described)
            yield Step(KEPT, f"table {name} exists, with the configured key")
            yield self._billing(described)
            yield from self._indexes(described)
            if self.extras.tags:
                yield self._tag(described["TableArn"])
            if self.extras.deletion_protection:
                yield self._protect(described)
            if "SSESpecification" in request:
                yield self._encrypt(described, request["SSESpecification"])
        yield self._time_to_live(still_missing)
        if self.extras.point_in_time_recovery:
            yield self._turn_on_recovery(still_missing)

    def _create(self, request: dict[str, Any], missing: bool) -> Described | None:
        """Create the table if it is missing, and wait until it can be used.

        :returns: the description of a table that existed before, or None.
        """
        created = missing and table.request_creation(self.table.client, request)
        described = self.table.wait("the table")
        while described is None:  # the old table was still being deleted
            created = table.request_creation(self.table.client, request)
            described = self.table.wait("the table")
        return None if created else described

    def _check_unchangeable(self, described: Described) -> None:
        wrong = table.mismatch(self.table.client, self.options)
        if wrong is not None:
            raise wrong
        indexes.missing(self.options, described)  # raises if an index has a different key
        name, attribute = self.table.name, self.options.ttl_attribute
        found = table.time_to_live_attribute(self.table.client, name)
        if found not in (None, attribute):
            raise ConfigurationError(
                f"time to live of table {name!r} uses the attribute {found!r}, not {attribute!r} "
                f"(option ttl_attribute). Set ttl_attribute = {found}, or turn time to live off "
                "and run this again an hour later: aws dynamodb update-time-to-live "
                f"--table-name {name} --time-to-live-specification "
                f"Enabled=false,AttributeName={found}"
            )

    # -- an existing table --------------------------------------------------------------------

    def _billing(self, described: Described) -> Step:
        wanted = billing_text(table.definition(self.options))
        found = billing_text({**described, "BillingMode": _billing_mode(described)})
        if found == wanted:
            return Step(KEPT, f"billing is {found}")
        # An operator, or auto scaling, may have changed the capacity of a running table.
        return Step(DIFFERS, f"billing is {found}, not {wanted}; not changed")

    def _indexes(self, described: Described) -> Iterator[Step]:
        """Yield a step for each index, once it can be used."""
        for wanted in indexes.definitions(self.options):
            name = wanted["IndexName"]
            found = indexes.find(described, name)
            if found is None:
                self._create_index(described, wanted)
                yield Step(CHANGED, f"index {name!r} added")
                continue
            if not _is_active(name, described):
                self.table.wait(f"index {name!r}", partial(_is_active, name))
            lacking = ", ".join(indexes.lacking(found, wanted))
            if not lacking:
                yield Step(KEPT, f"index {name!r} exists")
            elif self.replace_indexes:
                self._delete_index(name)
                self._create_index(described, wanted)
                yield Step(CHANGED, f"index {name!r} replaced; it now has {lacking}")
            else:
                # The attributes of an index cannot be changed. It works without them too.
                yield Step(
                    DIFFERS,
                    f"index {name!r} does not include {lacking}, so each session found with it "
                    "costs one more read; --replace-indexes creates it again",
                )

    def _create_index(self, described: Described, wanted: dict[str, Any]) -> None:
        # The table's billing may differ from the options.
        units = wanted.pop("ProvisionedThroughput", None)
        if _billing_mode(described) == "PROVISIONED":
            units = units or described["ProvisionedThroughput"]
            names = ("ReadCapacityUnits", "WriteCapacityUnits")
            wanted["ProvisionedThroughput"] = {name: units[name] for name in names}
        # UpdateTable creates one index at a time.
        request = indexes.addition(self.options, wanted)
        # Send the existing definitions too: moto forgets those that are not sent.
        new = request["AttributeDefinitions"]
        others = [d for d in described["AttributeDefinitions"] if d not in new]
        self.table.change("UpdateTable", **{**request, "AttributeDefinitions": others + new})
        name = wanted["IndexName"]
        self.table.wait(f"index {name!r}", partial(_is_active, name))

    def _delete_index(self, name: str) -> None:
        delete = [{"Delete": {"IndexName": name}}]
        self.table.change("UpdateTable", GlobalSecondaryIndexUpdates=delete)
        gone = f"the deletion of index {name!r}"
        self.table.wait(gone, lambda now: indexes.find(now, name) is None)

    def _tag(self, arn: str) -> Step:
        pages = self.table.client.get_paginator("list_tags_of_resource").paginate(ResourceArn=arn)
        try:
            found = {tag["Key"]: tag["Value"] for page in pages for tag in page["Tags"]}
        except Exception as error:
            raise translate(error, "ListTagsOfResource", self.table.name) from cause(error)
        missing = {key: tag for key, tag in self.extras.tags.items() if found.get(key) != tag}
        if not missing:
            return Step(KEPT, f"tags are set: {', '.join(self.extras.tags)}")
        self.table.change("TagResource", ResourceArn=arn, Tags=tag_list(missing))
        return Step(CHANGED, f"tags set: {', '.join(missing)}")

    def _protect(self, described: Described) -> Step:
        if described.get("DeletionProtectionEnabled"):
            return Step(KEPT, "deletion protection is on")
        self.table.change("UpdateTable", DeletionProtectionEnabled=True)
        self.table.wait("the table")
        return Step(CHANGED, "deletion protection turned on")

    def _encrypt(self, described: Described, wanted: Mapping[str, Any]) -> Step:
        key = wanted["KMSMasterKeyId"]
        arn = described.get("SSEDescription", {}).get("KMSMasterKeyArn", "")
        if arn == key or arn.endswith(f":key/{key}"):
            return Step(KEPT, f"encrypted with {arn}")
        try:
            self.table.change("UpdateTable", SSESpecification=wanted)
        except DynamoDBError as error:
            # The key may be an alias of the current one; DescribeTable returns only the ARN:
            # https://github.com/hashicorp/terraform-provider-aws/issues/29137
            if "already encrypted" not in str(error):
                raise
            return Step(KEPT, f"encrypted with {key}, which is {arn}")
        self.table.wait(
            "the encryption",
            lambda now: now.get("SSEDescription", {}).get("Status") != "UPDATING",
        )
        return Step(CHANGED, f"encryption changed to the key {key}")

    # -- properties that CreateTable cannot set -----------------------------------------------

    def _time_to_live(self, still_missing: bool) -> Step:
        client, attribute = self.table.client, self.options.ttl_attribute
        found = None if still_missing else table.time_to_live_attribute(client, self.table.name)
        if found != attribute and (
            self.table.dry_run or table.enable_time_to_live(client, self.options)
        ):
            return Step(CHANGED, f"time to live turned on (attribute {attribute!r})")
        return Step(KEPT, f"time to live is on (attribute {attribute!r})")

    def _turn_on_recovery(self, still_missing: bool) -> Step:
        if not still_missing:
            answer = self.table.call("DescribeContinuousBackups")["ContinuousBackupsDescription"]
            recovery = answer.get("PointInTimeRecoveryDescription", {})
            if recovery.get("PointInTimeRecoveryStatus") == "ENABLED":
                return Step(KEPT, "point-in-time recovery is on")
        self.table.change(
            "UpdateContinuousBackups",
            PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True},
        )
        return Step(CHANGED, "point-in-time recovery turned on")


def _billing_mode(described: Described) -> str:
    mode: str = described.get("BillingModeSummary", {}).get("BillingMode", "PROVISIONED")
    return mode


def _is_active(name: str, described: Described) -> bool:
    index = indexes.find(described, name)
    # moto does not return a status.
    return index is not None and index.get("IndexStatus", "ACTIVE") == "ACTIVE"
