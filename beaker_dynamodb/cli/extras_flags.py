"""The flags of a table beyond the options: tags, encryption, protection, backups."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click

from beaker_dynamodb.cli.provision import Extras


def with_extras(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the flags, and the function an `Extras` as the argument ``extras``."""

    @click.option(
        "--tag",
        "tags",
        multiple=True,
        metavar="KEY=VALUE",
        callback=_tags,
        help="A tag; any number.",
    )
    @click.option("--kms-key", metavar="KEY", help="Encrypt with this KMS key: ARN, id or alias.")
    @click.option("--deletion-protection", is_flag=True, help="DeleteTable is refused.")
    @click.option("--point-in-time-recovery", is_flag=True, help="Continuous backups.")
    @functools.wraps(function)
    def wrapper(
        *,
        tags: dict[str, str],
        kms_key: str | None,
        deletion_protection: bool,
        point_in_time_recovery: bool,
        **given: Any,
    ) -> Any:
        extras = Extras(tags, kms_key, deletion_protection, point_in_time_recovery)
        return function(extras=extras, **given)

    return wrapper


def _tags(ctx: click.Context, param: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:
    tags = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not key or not equals:
            raise click.BadParameter(f"{text!r} is not KEY=VALUE")
        tags[key] = value
    return tags
