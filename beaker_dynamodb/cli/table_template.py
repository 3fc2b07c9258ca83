"""The table as code, equal to what create-table makes: CloudFormation, Terraform, CDK."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from beaker_dynamodb.cli.provision import Extras, create_request
from beaker_dynamodb.config.parse import Options
from beaker_dynamodb.exceptions import ConfigurationError

#: The resource's name in a template.
LOGICAL_NAME = "BeakerTable"
TERRAFORM_NAME = "beaker"


def cloudformation(options: Options, extras: Extras) -> dict[str, Any]:
    """Give a CloudFormation template, to be written as JSON."""
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "Beaker sessions and caches",
        "Resources": {
            LOGICAL_NAME: {
                "Type": "AWS::DynamoDB::Table",
                # Whoever deletes the stack does not mean to log everybody out.
                "DeletionPolicy": "Retain",
                "UpdateReplacePolicy": "Retain",
                "Properties": properties(options, extras),
            }
        },
    }


def properties(options: Options, extras: Extras) -> dict[str, Any]:
    """Give the properties of an ``AWS::DynamoDB::Table``: CreateTable's, and what it lacks."""
    request = _request(options, extras)
    # The one thing that CloudFormation names in another way.
    encryption = request.pop("SSESpecification", None)
    if encryption is not None:
        encryption["SSEEnabled"] = encryption.pop("Enabled")
        request["SSESpecification"] = encryption
    request["TimeToLiveSpecification"] = {"Enabled": True, "AttributeName": options.ttl_attribute}
    if extras.point_in_time_recovery:
        request["PointInTimeRecoverySpecification"] = {"PointInTimeRecoveryEnabled": True}
    return request


def cdk_json(options: Options, extras: Extras) -> dict[str, Any]:
    """Give the properties of the CDK's ``aws_dynamodb.CfnTable``."""
    result: dict[str, Any] = _renamed(properties(options, extras), _camel_case)
    return result


def terraform(options: Options, extras: Extras) -> dict[str, Any]:
    """Give an ``aws_dynamodb_table`` in Terraform's JSON syntax, for a file ``….tf.json``.

    :raises ConfigurationError: the KMS key is not given by its ARN.
    """
    if extras.kms_key is not None and not extras.kms_key.startswith("arn:"):
        raise ConfigurationError("--kms-key: Terraform takes the ARN of a key, no id and no alias")
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
    return {"resource": {"aws_dynamodb_table": {TERRAFORM_NAME: resource}}}


FORMATS: dict[str, Callable[[Options, Extras], dict[str, Any]]] = {
    "cloudformation": cloudformation,
    "terraform": terraform,
    "cdk-json": cdk_json,
}


def _request(options: Options, extras: Extras) -> dict[str, Any]:
    # An ARN's account and Region are those of the stack.
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


def _camel_case(name: str) -> str:
    """As the CDK does it: ``TableName`` is tableName, ``SSEType`` is sseType."""
    return re.sub(r"^[A-Z]+(?=[A-Z][a-z])|^[A-Z]", lambda found: found[0].lower(), name)


def _renamed(value: Any, rename: Callable[[str], str]) -> Any:
    if isinstance(value, dict):
        return {rename(name): _renamed(inner, rename) for name, inner in value.items()}
    if isinstance(value, list):
        return [_renamed(inner, rename) for inner in value]
    return value
