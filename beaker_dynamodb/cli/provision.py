"""Creates the table as the options describe it, or adds what it lacks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from beaker_dynamodb.cli.index_steps import billing_mode, index_steps
from beaker_dynamodb.cli.table_changes import CHANGED, DIFFERS, KEPT, Step, TableChanges
from beaker_dynamodb.cli.table_request import (
    Extras,
    billing_text,
    create_request,
    encryption,
    summary,
    tag_list,
)
from beaker_dynamodb.config.parse import Options
from beaker_dynamodb.dynamodb import indexes, table, table_state
from beaker_dynamodb.dynamodb.error_mapping import cause, translate
from beaker_dynamodb.exceptions import ConfigurationError, DynamoDBError


class Provisioner:
    """Creates or completes one table.

    :param replace_indexes: replace indexes that lack attributes.
    """

    def __init__(
        self,
        changes: TableChanges,
        options: Options,
        extras: Extras,
        *,
        replace_indexes: bool = False,
    ) -> None:
        self._table = changes
        self._client = changes.client
        self._options = options
        self._extras = extras
        self._name = options.table_name
        self._replace_indexes = replace_indexes

    def steps(self) -> Iterator[Step]:
        """Make the changes; yield each step when it is done.

        :raises ConfigurationError: the table has another key, index key or time-to-live attribute,
            which no update can change. Nothing was changed then.
        :raises DynamoDBError: a call failed; the steps yielded before are done.
        """
        request = create_request(self._options, self._extras)
        missing = table_state.describe(self._client, self._name) is None
        described = None if missing and self._table.dry_run else self._create(request, missing)
        if described is None:
            yield Step(CHANGED, f"table {self._name!r} created: {summary(request)}")
        else:
            self._refuse_another_shape(described)
            yield Step(KEPT, f"table {self._name!r} is there, with the key that the options say")
            yield self._billing(described)
            yield from index_steps(
                self._table, self._options, described, replace=self._replace_indexes
            )
            if self._extras.tags:
                yield self._tag(described["TableArn"])
            if self._extras.deletion_protection:
                yield self._protect(described)
            if self._extras.kms_key is not None:
                yield self._encrypt(described, self._extras.kms_key)
        unmade = missing and self._table.dry_run
        yield self._time_to_live(unmade)
        if self._extras.point_in_time_recovery:
            yield self._back_up(unmade)

    def _create(self, request: Mapping[str, Any], missing: bool) -> Mapping[str, Any] | None:
        """Create the table if it is missing, and wait; return None if this call created it."""
        create = partial(table.request_creation, self._client, dict(request))
        created = missing and create()
        described = self._table.wait("the table")
        while described is None:  # the old table was still being deleted
            created = create()
            described = self._table.wait("the table")
        return None if created else described

    def _refuse_another_shape(self, described: Mapping[str, Any]) -> None:
        wrong = table.mismatch(self._client, self._options)
        if wrong is not None:
            raise wrong
        indexes.missing(self._options, described)  # raises
        found = table.time_to_live_attribute(self._client, self._name)
        if found not in (None, self._options.ttl_attribute):
            raise ConfigurationError(
                f"table {self._name!r} has time to live on {found!r}, the option ttl_attribute "
                f"says {self._options.ttl_attribute!r}; set that option, or turn time to live off "
                "and run this again an hour later: aws dynamodb update-time-to-live "
                f"--table-name {self._name} --time-to-live-specification "
                f"Enabled=false,AttributeName={found}"
            )

    # -- an existing table --------------------------------------------------------------------

    def _billing(self, described: Mapping[str, Any]) -> Step:
        wanted = billing_text(table.definition(self._options))
        found = billing_text({**described, "BillingMode": billing_mode(described)})
        if found == wanted:
            return Step(KEPT, f"billing is {found}")
        # An operator, or auto scaling, may have changed the capacity of a running table.
        return Step(DIFFERS, f"billing is {found}, not {wanted}; left as it is")

    def _tag(self, arn: str) -> Step:
        pages = self._client.get_paginator("list_tags_of_resource").paginate(ResourceArn=arn)
        try:
            found = {tag["Key"]: tag["Value"] for page in pages for tag in page["Tags"]}
        except Exception as error:
            raise translate(error, "ListTagsOfResource", self._name) from cause(error)
        missing = {key: tag for key, tag in self._extras.tags.items() if found.get(key) != tag}
        if not missing:
            return Step(KEPT, f"tags are set: {', '.join(self._extras.tags)}")
        self._table.change("TagResource", TableName=None, ResourceArn=arn, Tags=tag_list(missing))
        return Step(CHANGED, f"tags set: {', '.join(missing)}")

    def _protect(self, described: Mapping[str, Any]) -> Step:
        if described.get("DeletionProtectionEnabled"):
            return Step(KEPT, "deletion protection is on")
        self._table.change("UpdateTable", DeletionProtectionEnabled=True)
        self._table.wait("the table")
        return Step(CHANGED, "deletion protection turned on")

    def _encrypt(self, described: Mapping[str, Any], key: str) -> Step:
        arn = described.get("SSEDescription", {}).get("KMSMasterKeyArn", "")
        if arn == key or arn.endswith(f":key/{key}"):
            return Step(KEPT, f"encrypted with {arn}")
        try:
            self._table.change("UpdateTable", SSESpecification=encryption(key))
        except DynamoDBError as error:
            # The key was an alias of the current one, which DescribeTable shows as an ARN:
            # https://github.com/hashicorp/terraform-provider-aws/issues/29137
            if "already encrypted" not in str(error):
                raise
            return Step(KEPT, f"encrypted with {key}, which is {arn}")
        self._table.wait(
            "the encryption",
            lambda now: now.get("SSEDescription", {}).get("Status") != "UPDATING",
        )
        return Step(CHANGED, f"encryption changed to the key {key}")

    # -- properties that CreateTable cannot set -----------------------------------------------

    def _time_to_live(self, unmade: bool) -> Step:
        attribute = self._options.ttl_attribute
        found = None if unmade else table.time_to_live_attribute(self._client, self._name)
        if found != attribute and (
            self._table.dry_run or table.enable_time_to_live(self._client, self._options)
        ):
            return Step(CHANGED, f"time to live turned on, by {attribute!r}")
        return Step(KEPT, f"time to live is on, by {attribute!r}")

    def _back_up(self, unmade: bool) -> Step:
        if unmade:
            return Step(CHANGED, "point-in-time recovery turned on")
        answer = self._table.call("DescribeContinuousBackups")["ContinuousBackupsDescription"]
        recovery = answer.get("PointInTimeRecoveryDescription", {})
        if recovery.get("PointInTimeRecoveryStatus") == "ENABLED":
            return Step(KEPT, "point-in-time recovery is on")
        self._table.change(
            "UpdateContinuousBackups",
            PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True},
        )
        return Step(CHANGED, "point-in-time recovery turned on")
