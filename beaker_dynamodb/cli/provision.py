"""Creates the table as the options describe it, or adds what it lacks; removes nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from botocore import xform_name

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

#: Longest wait for a table or an index; an index over a large table is filled slowly.
WAIT_SECONDS = 3600.0

CHANGED, KEPT, DIFFERS = "changed", "kept", "differs"


@dataclass(frozen=True)
class Step:
    """The result for one property of the table.

    :param status: `CHANGED`, `KEPT` (was right already), or `DIFFERS` (left as it is).
    """

    status: str
    text: str


class Provisioner:
    """Creates or completes one table.

    :param say: prints a line before a long wait.
    :param sleep: takes seconds; called between two polls.
    """

    def __init__(
        self,
        client: Any,
        options: Options,
        extras: Extras,
        *,
        say: Callable[[str], object] = lambda _: None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._options = options
        self._extras = extras
        self._name = options.table_name
        self._say = say
        self._sleep = sleep

    def steps(self) -> Iterator[Step]:
        """Make the changes; yield each step when it is done.

        :raises ConfigurationError: the table has another key, index key or time-to-live attribute,
            which no update can change. Nothing was changed then.
        :raises DynamoDBError: a call failed; the steps yielded before are done.
        """
        request = create_request(self._options, self._extras)
        create = partial(table.request_creation, self._client, request)
        created = table_state.describe(self._client, self._name) is None and create()
        described = self._wait()
        while described is None:  # the old table was still being deleted
            created = create()
            described = self._wait()
        if created:
            yield Step(CHANGED, f"table {self._name!r} created: {summary(request)}")
        else:
            self._refuse_another_shape(described)
            yield Step(KEPT, f"table {self._name!r} is there, with the key that the options say")
            yield self._billing(described)
            yield from self._indexes(described)
            if self._extras.tags:
                yield self._tag(described["TableArn"])
            if self._extras.deletion_protection:
                yield self._protect(described)
            if self._extras.kms_key is not None:
                yield self._encrypt(described, self._extras.kms_key)
        yield self._time_to_live()
        if self._extras.point_in_time_recovery:
            yield self._back_up()

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
        found = billing_text({**described, "BillingMode": _billing_mode(described)})
        if found == wanted:
            return Step(KEPT, f"billing is {found}")
        # An operator, or auto scaling, may have changed the capacity of a running table.
        return Step(DIFFERS, f"billing is {found}, not {wanted}; left as it is")

    def _indexes(self, described: Mapping[str, Any]) -> Iterator[Step]:
        missing = {index["IndexName"] for index in indexes.missing(self._options, described)}
        for wanted in indexes.definitions(self._options):
            name = wanted["IndexName"]
            if name not in missing:
                yield _compared(_index(described, name), wanted)
                continue
            # UpdateTable creates one index at a time.
            request = indexes.addition(self._options, _billed_as(described, wanted))
            # Send the existing definitions too: moto forgets those that are not sent.
            new = request["AttributeDefinitions"]
            others = [d for d in described["AttributeDefinitions"] if d not in new]
            self._call("UpdateTable", **{**request, "AttributeDefinitions": others + new})
            self._say(f"waiting for index {name!r}: this takes long for a large table ...")
            described = self._wait(partial(_index_is_active, name)) or described
            yield Step(CHANGED, f"index {name!r} added")

    def _tag(self, arn: str) -> Step:
        pages = self._client.get_paginator("list_tags_of_resource").paginate(ResourceArn=arn)
        try:
            found = {tag["Key"]: tag["Value"] for page in pages for tag in page["Tags"]}
        except Exception as error:
            raise translate(error, "ListTagsOfResource", self._name) from cause(error)
        missing = {key: tag for key, tag in self._extras.tags.items() if found.get(key) != tag}
        if not missing:
            return Step(KEPT, f"tags are set: {', '.join(self._extras.tags)}")
        self._call("TagResource", TableName=None, ResourceArn=arn, Tags=tag_list(missing))
        return Step(CHANGED, f"tags set: {', '.join(missing)}")

    def _protect(self, described: Mapping[str, Any]) -> Step:
        if described.get("DeletionProtectionEnabled"):
            return Step(KEPT, "deletion protection is on")
        self._call("UpdateTable", DeletionProtectionEnabled=True)
        self._wait()
        return Step(CHANGED, "deletion protection turned on")

    def _encrypt(self, described: Mapping[str, Any], key: str) -> Step:
        arn = described.get("SSEDescription", {}).get("KMSMasterKeyArn", "")
        if arn == key or arn.endswith(f":key/{key}"):
            return Step(KEPT, f"encrypted with {arn}")
        try:
            self._call("UpdateTable", SSESpecification=encryption(key))
        except DynamoDBError as error:
            # The key was an alias of the current one, which DescribeTable shows as an ARN:
            # https://github.com/hashicorp/terraform-provider-aws/issues/29137
            if "already encrypted" not in str(error):
                raise
            return Step(KEPT, f"encrypted with {key}, which is {arn}")
        self._wait(lambda now: now.get("SSEDescription", {}).get("Status") != "UPDATING")
        return Step(CHANGED, f"encryption changed to the key {key}")

    # -- properties that CreateTable cannot set -----------------------------------------------

    def _time_to_live(self) -> Step:
        attribute = self._options.ttl_attribute
        found = table.time_to_live_attribute(self._client, self._name)
        if found != attribute and table.enable_time_to_live(self._client, self._options):
            return Step(CHANGED, f"time to live turned on, by {attribute!r}")
        return Step(KEPT, f"time to live is on, by {attribute!r}")

    def _back_up(self) -> Step:
        answer = self._call("DescribeContinuousBackups")["ContinuousBackupsDescription"]
        recovery = answer.get("PointInTimeRecoveryDescription", {})
        if recovery.get("PointInTimeRecoveryStatus") == "ENABLED":
            return Step(KEPT, "point-in-time recovery is on")
        self._call(
            "UpdateContinuousBackups",
            PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True},
        )
        return Step(CHANGED, "point-in-time recovery turned on")

    def _wait(
        self, ready: Callable[[Mapping[str, Any]], bool] = lambda _: True
    ) -> Mapping[str, Any] | None:
        """Wait until the table is ACTIVE and ready; return None if it is gone."""
        return table_state.wait_until(
            self._client,
            self._name,
            lambda now: now["TableStatus"] == "ACTIVE" and ready(now),
            seconds=WAIT_SECONDS,
            clock=time.time,
            sleep=self._sleep,
        )

    def _call(self, operation: str, **params: Any) -> Any:
        """Make a call about the table; ``TableName=None`` leaves its name out."""
        params.setdefault("TableName", self._name)
        params = {name: value for name, value in params.items() if value is not None}
        try:
            return getattr(self._client, xform_name(operation))(**params)
        except Exception as error:
            raise translate(error, operation, self._name) from cause(error)


def _compared(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> Step:
    name = wanted["IndexName"]
    lacking = set(wanted["Projection"]["NonKeyAttributes"])
    lacking -= set(found["Projection"].get("NonKeyAttributes", []))
    if not lacking or found["Projection"]["ProjectionType"] == "ALL":
        return Step(KEPT, f"index {name!r} is there")
    # The attributes of an index cannot be changed. It finds sessions without them too.
    attributes = ", ".join(sorted(lacking))
    return Step(DIFFERS, f"index {name!r} has no {attributes}; delete it to have it created again")


def _index(described: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = described.get("GlobalSecondaryIndexes", [])
    return next((index for index in found if index["IndexName"] == name), {})


def _billed_as(described: Mapping[str, Any], index: Mapping[str, Any]) -> dict[str, Any]:
    """Return an index with the capacity that its table needs, which may differ from the options."""
    billed = {name: value for name, value in index.items() if name != "ProvisionedThroughput"}
    if _billing_mode(described) == "PROVISIONED":
        units = index.get("ProvisionedThroughput") or described["ProvisionedThroughput"]
        names = ("ReadCapacityUnits", "WriteCapacityUnits")
        billed["ProvisionedThroughput"] = {name: units[name] for name in names}
    return billed


def _index_is_active(name: str, described: Mapping[str, Any]) -> bool:
    index = _index(described, name)
    # moto does not return a status.
    return bool(index) and index.get("IndexStatus", "ACTIVE") == "ACTIVE"


def _billing_mode(described: Mapping[str, Any]) -> str:
    mode: str = described.get("BillingModeSummary", {}).get("BillingMode", "PROVISIONED")
    return mode
