"""`beaker-dynamodb template`: the table that create-table creates, as code."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import click

from beaker_dynamodb.cli.command import command
from beaker_dynamodb.cli.console import print_json
from beaker_dynamodb.cli.settings import Settings, with_settings
from beaker_dynamodb.cli.table_request import Extras, create_request, with_extras
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
    type=click.Choice(["cloudformation", "terraform"]),
    default="cloudformation",
    show_default=True,
    help="cloudformation: in JSON, which is YAML too; terraform: its JSON syntax.",
)
@with_extras
@with_settings
def template(settings: Settings, extras: Extras, kind: str) -> None:
    """Print the table as code: the same table that create-table creates.

    Makes no AWS calls. If you create the table with the template, set create_table = false.
    """
    # Drop the account and Region of an ARN: the stack has its own.
    options = replace(
        settings.options, table_name=settings.options.table_name.rpartition(":table/")[2]
    )
    if kind == "terraform":
        print_json(_terraform(options, extras))
        return
    resource = {
        "Type": "AWS::DynamoDB::Table",
        # Deleting the stack must not log all users out.
        "DeletionPolicy": "Retain",
        "UpdateReplacePolicy": "Retain",
        "Properties": _properties(options, extras),
    }
    print_json(
        {
            "AWSTemplateFormatVersion": "2010-09-09",
            "Description": "Beaker sessions and caches",
            "Resources": {LOGICAL_NAME: resource},
        }
    )


def _properties(options: Options, extras: Extras) -> dict[str, Any]:
    """Return the properties of an ``AWS::DynamoDB::Table``."""
    request = create_request(options, extras)
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
    request = create_request(options, extras)
    resource: dict[str, Any] = {
        "name": request["TableName"],
        "billing_mode": request["BillingMode"],
        **_terraform_shape(request),
        "attribute": [
            {"name": d["AttributeName"], "type": d["AttributeType"]}
            for d in request["AttributeDefinitions"]
        ],
        "ttl": {"enabled": True, "attribute_name": options.ttl_attribute},
    }
    indexes = [
        {
            "name": index["IndexName"],
            **_terraform_shape(index),
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


def _terraform_shape(described: Mapping[str, Any]) -> dict[str, str | int]:
    """Return the keys and the capacity of a table or an index."""
    names = {"HASH": "hash_key", "RANGE": "range_key"}
    shape: dict[str, str | int] = {
        names[key["KeyType"]]: key["AttributeName"] for key in described["KeySchema"]
    }
    if units := described.get("ProvisionedThroughput"):
        shape["read_capacity"] = units["ReadCapacityUnits"]
        shape["write_capacity"] = units["WriteCapacityUnits"]
    return shape
