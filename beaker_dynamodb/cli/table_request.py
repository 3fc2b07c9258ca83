"""Build the CreateTable request from the options and from flags that are not options."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from beaker_dynamodb.config.options import Options
from beaker_dynamodb.dynamodb import table


@dataclass(frozen=True)
class Extras:
    """Properties of a table that are flags, not options. Omitted flags change nothing."""

    tags: Mapping[str, str] = field(default_factory=dict)
    kms_key: str | None = None
    deletion_protection: bool = False
    point_in_time_recovery: bool = False


def create_request(options: Options, extras: Extras) -> dict[str, Any]:
    """Return the parameters of CreateTable. Time to live and backups need separate calls."""
    request = table.definition(options)
    if extras.kms_key is not None:
        request["SSESpecification"] = {
            "Enabled": True,
            "SSEType": "KMS",
            "KMSMasterKeyId": extras.kms_key,
        }
    if extras.deletion_protection:
        request["DeletionProtectionEnabled"] = True
    if extras.tags:
        request["Tags"] = tag_list(extras.tags)
    return request


def tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Return tags in AWS's format."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def billing_text(request: Mapping[str, Any]) -> str:
    """Describe the billing mode: "PROVISIONED, 5 read, 5 write units"."""
    if request["BillingMode"] == "PAY_PER_REQUEST":
        return "PAY_PER_REQUEST"
    units = request["ProvisionedThroughput"]
    read, write = units["ReadCapacityUnits"], units["WriteCapacityUnits"]
    return f"PROVISIONED, {read} read, {write} write units"


def summary(request: Mapping[str, Any]) -> str:
    """Describe a CreateTable request in one line."""
    parts = [billing_text(request)]
    parts += [
        f"index {index['IndexName']!r}" for index in request.get("GlobalSecondaryIndexes", [])
    ]
    if "SSESpecification" in request:
        parts.append("encrypted with a KMS key")
    if "DeletionProtectionEnabled" in request:
        parts.append("deletion protection")
    if "Tags" in request:
        parts.append(f"tags {', '.join(tag['Key'] for tag in request['Tags'])}")
    return ", ".join(parts)
