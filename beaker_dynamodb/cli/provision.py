"""The table as the options want it: made, or given what it lacks; nothing is taken away."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from beaker_dynamodb.config.parse import Options
from beaker_dynamodb.dynamodb import indexes, table, table_state
from beaker_dynamodb.dynamodb.error_mapping import ConditionFailed, MissingTable, translate
from beaker_dynamodb.exceptions import ConfigurationError, DynamoDBError, StoreUnavailable

#: Longest wait for a table or an index to become ACTIVE, in seconds: an index over a large table
#: is filled for a long time.
WAIT_SECONDS = 3600.0
#: Between two looks at it, in seconds.
POLL_SECONDS = 1.0

TTL_ON = ("ENABLED", "ENABLING")

CHANGED, KEPT, DIFFERS = "changed", "kept", "differs"


@dataclass(frozen=True)
class Extras:
    """What a table can have beside what the options say; what is not set is left as it is.

    :param tags: tags to set.
    :param kms_key: a KMS key's ARN, id or alias, for encryption at rest.
    :param deletion_protection: DeleteTable is refused.
    :param point_in_time_recovery: continuous backups.
    """

    tags: Mapping[str, str] = field(default_factory=dict)
    kms_key: str | None = None
    deletion_protection: bool = False
    point_in_time_recovery: bool = False


@dataclass(frozen=True)
class Step:
    """One thing that was looked at.

    :param status: `CHANGED`, `KEPT` (as wanted before), or `DIFFERS` (and is left as it is).
    """

    status: str
    text: str


def create_request(options: Options, extras: Extras) -> dict[str, Any]:
    """Give the parameters of CreateTable; time to live and backups are calls of their own."""
    request = table.definition(options)
    if extras.kms_key is not None:
        request["SSESpecification"] = _encryption(extras.kms_key)
    if extras.deletion_protection:
        request["DeletionProtectionEnabled"] = True
    if extras.tags:
        request["Tags"] = _tags(extras.tags)
    return request


class Provisioner:
    """Makes one table what it should be.

    :param client: a boto3 DynamoDB client.
    :param options: the table's name, key, time to live, indexes, billing.
    :param extras: what else it should have.
    :param say: takes a line, when a long wait begins.
    :param sleep: takes seconds; between two looks at a table that is changing.
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
        """Do what is to be done, and give each thing when it is done.

        :raises ConfigurationError: the table's key, an index or time to live is another one, which
            no update can change; then nothing was.
        :raises DynamoDBError: a call failed; what was given before is done.
        """
        made = self._create() if self._describe() is None else None
        described = self._wait(lambda _: True)
        if made is not None:
            yield Step(CHANGED, f"table {self._name!r} created{_with(made)}")
        else:
            self._refuse_another_shape(described)
            yield Step(KEPT, f"table {self._name!r} is there, with the key that the options say")
            yield self._billing(described)
            yield from self._indexes(described)
            yield from self._protection(described)
        yield self._time_to_live()
        if self._extras.point_in_time_recovery:
            yield self._backups()

    def _create(self) -> dict[str, Any] | None:
        """Give the request that made the table; None: somebody else was quicker."""
        request = create_request(self._options, self._extras)
        try:
            self._call("CreateTable", **request)
        except DynamoDBError as error:
            if error.aws_code != "ResourceInUseException":
                raise
            return None
        return request

    # -- a table that exists ------------------------------------------------------------------

    def _refuse_another_shape(self, described: Mapping[str, Any]) -> None:
        wrong = table.mismatch(self._client, self._options)
        if wrong is not None:
            raise wrong
        indexes.missing(self._options, described)  # raises
        status, attribute = self._time_to_live_state()
        if status in TTL_ON and attribute != self._options.ttl_attribute:
            raise ConfigurationError(
                f"table {self._name!r} has time to live on {attribute!r}, the option "
                f"ttl_attribute says {self._options.ttl_attribute!r}; set that, or turn time to "
                "live off and an hour later run this again: aws dynamodb update-time-to-live "
                f"--table-name {self._name} --time-to-live-specification "
                f"Enabled=false,AttributeName={attribute}"
            )

    def _billing(self, described: Mapping[str, Any]) -> Step:
        wanted = table.definition(self._options)
        found = _billing_text(_mode(described), described.get("ProvisionedThroughput", {}))
        text = _billing_text(wanted["BillingMode"], wanted.get("ProvisionedThroughput", {}))
        if found == text:
            return Step(KEPT, f"billing is {found}")
        # A running table's capacity is its operator's matter: it may be scaled automatically.
        return Step(DIFFERS, f"billing is {found}, not {text}; left as it is")

    def _indexes(self, described: Mapping[str, Any]) -> Iterator[Step]:
        missing = {index["IndexName"]: index for index in indexes.missing(self._options, described)}
        found = {index["IndexName"]: index for index in described.get("GlobalSecondaryIndexes", [])}
        for wanted in indexes.definitions(self._options):
            name = wanted["IndexName"]
            if name not in missing:
                yield _compared(found[name], wanted)
                continue
            # UpdateTable makes one index at a time.
            request = indexes.addition(self._options, _billed_as(described, wanted))
            # The keys that are there as well: DynamoDB takes both, moto forgets what is not sent.
            new = request["AttributeDefinitions"]
            others = [d for d in described["AttributeDefinitions"] if d not in new]
            self._call("UpdateTable", **{**request, "AttributeDefinitions": others + new})
            self._say(f"waiting for index {name!r}: a large table takes long ...")
            described = self._wait(partial(_index_is_active, name))
            yield Step(CHANGED, f"index {name!r} added")

    def _protection(self, described: Mapping[str, Any]) -> Iterator[Step]:
        if self._extras.tags:
            yield self._tag(described["TableArn"])
        if self._extras.deletion_protection:
            if described.get("DeletionProtectionEnabled"):
                yield Step(KEPT, "deletion protection is on")
            else:
                self._call("UpdateTable", DeletionProtectionEnabled=True)
                self._wait(lambda _: True)
                yield Step(CHANGED, "deletion protection turned on")
        if self._extras.kms_key is not None:
            yield self._encrypt(described, self._extras.kms_key)

    def _tag(self, arn: str) -> Step:
        found: dict[str, str] = {}
        page: dict[str, Any] = {}
        while True:
            answer = self._call("ListTagsOfResource", ResourceArn=arn, TableName=None, **page)
            found |= {tag["Key"]: tag["Value"] for tag in answer["Tags"]}
            if not answer.get("NextToken"):
                break
            page = {"NextToken": answer["NextToken"]}
        missing = {
            key: value for key, value in self._extras.tags.items() if found.get(key) != value
        }
        if not missing:
            return Step(KEPT, f"tags are set: {', '.join(self._extras.tags)}")
        self._call("TagResource", ResourceArn=arn, TableName=None, Tags=_tags(missing))
        return Step(CHANGED, f"tags set: {', '.join(missing)}")

    def _encrypt(self, described: Mapping[str, Any], key: str) -> Step:
        arn = described.get("SSEDescription", {}).get("KMSMasterKeyArn", "")
        if arn == key or arn.endswith(f":key/{key}"):
            return Step(KEPT, f"encrypted with {arn}")
        try:
            self._call("UpdateTable", SSESpecification=_encryption(key))
        except DynamoDBError as error:
            # DescribeTable tells an alias's key, UpdateTable that it is the same one:
            # https://github.com/hashicorp/terraform-provider-aws/issues/29137
            if "already encrypted" not in str(error):
                raise
            return Step(KEPT, f"encrypted with {key}, which is {arn}")
        self._wait(lambda now: now.get("SSEDescription", {}).get("Status") != "UPDATING")
        return Step(CHANGED, f"encryption changed to the key {key}")

    # -- what CreateTable does not take -------------------------------------------------------

    def _time_to_live(self) -> Step:
        attribute = self._options.ttl_attribute
        status, _ = self._time_to_live_state()
        if status in TTL_ON:
            return Step(KEPT, f"time to live is on, by {attribute!r}")
        try:
            self._call(
                "UpdateTimeToLive",
                TimeToLiveSpecification={"Enabled": True, "AttributeName": attribute},
            )
        except DynamoDBError:
            status, found = self._time_to_live_state()
            if status not in TTL_ON or found != attribute:
                raise
            # Somebody else was quicker.
            return Step(KEPT, f"time to live is on, by {attribute!r}")
        return Step(CHANGED, f"time to live turned on, by {attribute!r}")

    def _time_to_live_state(self) -> tuple[str, str | None]:
        answer = self._call("DescribeTimeToLive")["TimeToLiveDescription"]
        return answer["TimeToLiveStatus"], answer.get("AttributeName")

    def _backups(self) -> Step:
        answer = self._call("DescribeContinuousBackups")["ContinuousBackupsDescription"]
        recovery = answer.get("PointInTimeRecoveryDescription", {})
        if recovery.get("PointInTimeRecoveryStatus") == "ENABLED":
            return Step(KEPT, "point-in-time recovery is on")
        self._call(
            "UpdateContinuousBackups",
            PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True},
        )
        return Step(CHANGED, "point-in-time recovery turned on")

    # -- calls --------------------------------------------------------------------------------

    def _describe(self) -> dict[str, Any] | None:
        try:
            answer = self._call("DescribeTable")
        except MissingTable:
            return None
        described: dict[str, Any] = answer["Table"]
        return described

    def _wait(self, done: Callable[[Mapping[str, Any]], bool]) -> dict[str, Any]:
        """Wait until the table is ACTIVE and ``done``; give its description."""
        for _ in range(int(WAIT_SECONDS / POLL_SECONDS)):
            described = self._describe()
            state = None if described is None else described["TableStatus"]
            if described is not None and state == "ACTIVE" and done(described):
                return described
            table_state.refuse_lasting(state, self._name)
            self._sleep(POLL_SECONDS)
        raise StoreUnavailable(
            f"table {self._name!r} is not ACTIVE after {WAIT_SECONDS:.0f} seconds",
            operation="DescribeTable",
            table=self._name,
        )

    def _call(self, operation: str, **params: Any) -> Any:
        params.setdefault("TableName", self._name)
        params = {name: value for name, value in params.items() if value is not None}
        return call(self._client, operation, self._name, **params)


def call(client: Any, operation: str, table_name: str, **params: Any) -> Any:
    """Make a call about a table, not about items.

    :param operation: DynamoDB's name of it.
    :raises MissingTable: there is no such table.
    :raises DynamoDBError: it failed.
    """
    from botocore import xform_name

    try:
        return getattr(client, xform_name(operation))(**params)
    except Exception as error:
        translated = translate(error, operation, table_name)
        if isinstance(translated, ConditionFailed) or translated is error:
            raise
        raise translated from error


def _encryption(key: str) -> dict[str, Any]:
    return {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": key}


def _tags(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _compared(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> Step:
    name = wanted["IndexName"]
    lacking = set(wanted["Projection"]["NonKeyAttributes"])
    lacking -= set(found["Projection"].get("NonKeyAttributes", []))
    if not lacking or found["Projection"]["ProjectionType"] == "ALL":
        return Step(KEPT, f"index {name!r} is there")
    # What an index holds cannot be changed; without them it finds sessions all the same.
    attributes = ", ".join(sorted(lacking))
    return Step(DIFFERS, f"index {name!r} has no {attributes}; delete it to have it made anew")


def _billed_as(described: Mapping[str, Any], index: Mapping[str, Any]) -> dict[str, Any]:
    """Give an index the capacity that suits its table, whatever the options say of new tables."""
    billed = {name: value for name, value in index.items() if name != "ProvisionedThroughput"}
    if _mode(described) == "PROVISIONED":
        units = index.get("ProvisionedThroughput") or described["ProvisionedThroughput"]
        names = ("ReadCapacityUnits", "WriteCapacityUnits")
        billed["ProvisionedThroughput"] = {name: units[name] for name in names}
    return billed


def _index_is_active(name: str, described: Mapping[str, Any]) -> bool:
    for index in described.get("GlobalSecondaryIndexes", []):
        if index["IndexName"] == name:
            # moto leaves the status out.
            return bool(index.get("IndexStatus", "ACTIVE") == "ACTIVE")
    return False


def _mode(described: Mapping[str, Any]) -> str:
    mode: str = described.get("BillingModeSummary", {}).get("BillingMode", "PROVISIONED")
    return mode


def _billing_text(mode: str, units: Mapping[str, Any]) -> str:
    if mode == "PAY_PER_REQUEST":
        return mode
    return f"{mode}, {units['ReadCapacityUnits']} read, {units['WriteCapacityUnits']} write units"


def _with(request: Mapping[str, Any]) -> str:
    parts = [_billing_text(request["BillingMode"], request.get("ProvisionedThroughput", {}))]
    parts += [
        f"index {index['IndexName']!r}" for index in request.get("GlobalSecondaryIndexes", [])
    ]
    if "SSESpecification" in request:
        parts.append("encrypted with a KMS key")
    if "DeletionProtectionEnabled" in request:
        parts.append("deletion protection")
    if "Tags" in request:
        parts.append(f"tags {', '.join(tag['Key'] for tag in request['Tags'])}")
    return f": {', '.join(parts)}"
