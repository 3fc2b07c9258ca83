"""`beaker-dynamodb template`: the table that create-table creates, as code."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import click

from beaker_dynamodb.cli.command import command
from beaker_dynamodb.cli.console import print_json
from beaker_dynamodb.cli.flags import with_extras, with_settings
from beaker_dynamodb.cli.settings import Settings
from beaker_dynamodb.cli.table_request import Extras, create_request
from beaker_dynamodb.config.options import Options
from beaker_dynamodb.exceptions import ConfigurationError

#: Name of the resource in a CloudFormation template.
LOGICAL_NAME = "BeakerTable"


@command(
    "template",
    example="template --ini production.ini > sessions.template.json\n"
    "template --format terraform --table-name sessions --tag app=shop > sessions.tf.json",
)
@click.option(
    "--format",
    "kind",
    type=click.Choice(["cloudformation", "yaml", "terraform", "cdk-json"]),
    default="cloudformation",
    show_default=True,
    help="cloudformation: in JSON; yaml: CloudFormation in YAML; terraform: its JSON syntax; "
    "cdk-json: the properties of a CfnTable.",
)
@with_extras
@with_settings
def template(settings: Settings, extras: Extras, kind: str) -> None:
    """Print the table as code: the same table that create-table creates.

    Makes no AWS calls. If you create the table with the template, set create_table = false.
    """
    options = settings.options
    if kind == "terraform":
        print_json(_terraform(options, extras))
    elif kind == "cdk-json":
        print_json(_camel_case(_properties(options, extras)))
    elif kind == "yaml":
        click.echo("\n".join(_yaml_lines(_cloudformation(options, extras))))
    else:
        print_json(_cloudformation(options, extras))


def _cloudformation(options: Options, extras: Extras) -> dict[str, Any]:
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "Beaker sessions and caches",
        "Resources": {
            LOGICAL_NAME: {
                "Type": "AWS::DynamoDB::Table",
                # Deleting the stack must not log all users out.
                "DeletionPolicy": "Retain",
                "UpdateReplacePolicy": "Retain",
                "Properties": _properties(options, extras),
            }
        },
    }


def _properties(options: Options, extras: Extras) -> dict[str, Any]:
    """Return the properties of an ``AWS::DynamoDB::Table``."""
    request = _request(options, extras)
    if encryption := request.get("SSESpecification"):
        # CloudFormation names this parameter differently.
        encryption["SSEEnabled"] = encryption.pop("Enabled")
    request["TimeToLiveSpecification"] = {"Enabled": True, "AttributeName": options.ttl_attribute}
    if extras.point_in_time_recovery:
        request["PointInTimeRecoverySpecification"] = {"PointInTimeRecoveryEnabled": True}
    return request


def _terraform(options: Options, extras: Extras) -> dict[str, Any]:
    """Return an ``aws_dynamodb_table`` in Terraform's JSON syntax, for a ``.tf.json`` file."""
    if extras.kms_key is not None and not extras.kms_key.startswith("arn:"):
        raise ConfigurationError("--kms-key: Terraform needs the key's ARN, not its id or alias")
    request = _request(options, extras)
    resource: dict[str, Any] = {
        "name": request["TableName"],
        "billing_mode": request["BillingMode"],
        **_terraform_keys(request),
        **_terraform_capacity(request),
        "attribute": [
            {"name": d["AttributeName"], "type": d["AttributeType"]}
            for d in request["AttributeDefinitions"]
        ],
        "ttl": {"enabled": True, "attribute_name": options.ttl_attribute},
    }
    indexes = [
        {
            "name": index["IndexName"],
            **_terraform_keys(index),
            **_terraform_capacity(index),
            "projection_type": index["Projection"]["ProjectionType"],
            "non_key_attributes": index["Projection"]["NonKeyAttributes"],
        }
        for index in request.get("GlobalSecondaryIndexes", [])
    ]
    if indexes:
        resource["global_secondary_index"] = indexes
    if extras.kms_key is not None:
        resource["server_side_encryption"] = {"enabled": True, "kms_key_arn": extras.kms_key}
    if extras.deletion_protection:
        resource["deletion_protection_enabled"] = True
    if extras.point_in_time_recovery:
        resource["point_in_time_recovery"] = {"enabled": True}
    if extras.tags:
        resource["tags"] = dict(extras.tags)
    # Terraform names consist of letters, digits, _ and -, and start with a letter or _.
    name = re.sub(r"[^A-Za-z0-9_-]|^(?=[^A-Za-z_])", "_", request["TableName"])
    return {"resource": {"aws_dynamodb_table": {name: resource}}}


def _request(options: Options, extras: Extras) -> dict[str, Any]:
    # Drop the account and Region of an ARN: the stack has its own.
    name = options.table_name.rpartition(":table/")[2]
    return create_request(replace(options, table_name=name), extras)


def _terraform_keys(described: Mapping[str, Any]) -> dict[str, str]:
    names = {"HASH": "hash_key", "RANGE": "range_key"}
    return {names[key["KeyType"]]: key["AttributeName"] for key in described["KeySchema"]}


def _terraform_capacity(described: Mapping[str, Any]) -> dict[str, int]:
    units = described.get("ProvisionedThroughput")
    if units is None:
        return {}
    return {
        "read_capacity": units["ReadCapacityUnits"],
        "write_capacity": units["WriteCapacityUnits"],
    }


def _yaml_lines(value: Any, indent: str = "") -> Iterator[str]:
    """Yield the YAML lines of a value. Scalars are written as in JSON, which YAML allows."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if isinstance(inner, (dict, list)):
                yield f"{indent}{name}:"
                yield from _yaml_lines(inner, f"{indent}  ")
            else:
                yield f"{indent}{name}: {json.dumps(inner)}"
    elif isinstance(value, list):
        for inner in value:
            first, *others = _yaml_lines(inner, f"{indent}  ")
            yield f"{indent}- {first.strip()}"
            yield from others
    else:
        yield f"{indent}{json.dumps(value)}"


def _camel_case(value: Any) -> Any:
    """Rename keys as the CDK does: ``TableName`` to tableName, ``SSEType`` to sseType."""
    if isinstance(value, dict):
        start = re.compile(r"^[A-Z]+(?=[A-Z][a-z])|^[A-Z]")
        return {
            start.sub(lambda match: match[0].lower(), name): _camel_case(inner)
            for name, inner in value.items()
        }
    return [_camel_case(inner) for inner in value] if isinstance(value, list) else value
