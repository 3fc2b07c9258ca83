"""Flags that several subcommands share: settings, scans, and a table's extra properties."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import click

from beaker_dynamodb.cli.settings import CACHE, SESSIONS, load
from beaker_dynamodb.cli.table_request import Extras
from beaker_dynamodb.config.options import Options

#: Options that every help page shows; --help-all shows the others too.
COMMON = ("url", "table_name", "region_name", "endpoint_url", "prefix")
_SHOW_ALL = "beaker_dynamodb.show_all"
_SECRET = " Prefer --ini: other users of this machine can read command lines."


# -- settings ---------------------------------------------------------------------------------


def with_settings(function: Callable[..., Any], purpose: str = SESSIONS) -> Callable[..., Any]:
    """Add a flag per option, ``--ini``, ``--section`` and ``--for``; pass a `Settings`.

    :param purpose: the default of ``--for``.
    """
    options = _option_flags()
    names = [option.name for option in options]

    @click.option("--ini", metavar="FILE", help="Read session.* and cache.* from an INI file.")
    @click.option(
        "--section", metavar="NAME", help="Section in FILE; default: that with type ext:dynamodb."
    )
    @click.option(
        "--for",
        "purpose",
        metavar="sessions|cache|cache.REGION",
        default=purpose,
        show_default=True,
        callback=_check_purpose,
        help="Use the settings of the sessions, the cache, or one cache region.",
    )
    @functools.wraps(function)
    def wrapper(*, ini: str | None, section: str | None, purpose: str, **given: Any) -> Any:
        flags = {name: given.pop(name) for name in names}
        settings = load(flags, ini=ini, section=section, purpose=purpose)
        return function(settings=settings, **given)

    # click.option keeps its options in this list, in reverse order.
    wrapper.__click_params__[:0] = reversed([*options, _HELP_ALL])  # type: ignore[attr-defined]
    return wrapper


class _RareOption(click.Option):
    """An option that only ``--help-all`` shows."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        return super().get_help_record(ctx) if ctx.meta.get(_SHOW_ALL) else None


def _option_flags() -> list[click.Option]:
    specs = {spec.name: spec.metadata for spec in fields(Options) if not spec.metadata["live"]}
    made = []
    for name in sorted(specs, key=lambda name: name not in COMMON):
        meta = specs[name]
        secret = _SECRET if meta["secret"] and name != "url" else ""
        option = click.Option if name in COMMON else _RareOption
        made.append(
            option(
                [*(f"--{alias.replace('_', '-')}" for alias in (name, *meta["aliases"])), name],
                metavar=(meta["unit"] or "value").upper(),
                help=meta["help"].replace("`", "") + secret,
            )
        )
    return made


def _show_all_help(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        ctx.meta[_SHOW_ALL] = True
        click.echo(ctx.get_help(), color=ctx.color)
        ctx.exit()


_HELP_ALL = click.Option(
    ["--help-all"],
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_all_help,
    help="Show this message with a flag for every option, and exit.",
)


def _check_purpose(_: click.Context, __: click.Parameter, value: str) -> str:
    if value not in (SESSIONS, CACHE) and not re.fullmatch(r"cache\..+", value):
        raise click.BadParameter(f"{value!r} is not one of sessions, cache, cache.REGION")
    return value


# -- scans ------------------------------------------------------------------------------------


def with_scan(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--segments`` and ``--units-per-second``."""
    rate = click.option(
        "--units-per-second",
        type=click.FloatRange(min=0, min_open=True),
        metavar="UNITS",
        help="Limit the average capacity of reads and deletes together; default: no limit.",
    )
    segments = click.option(
        "--segments",
        type=click.IntRange(1, 1000),
        default=4,
        show_default=True,
        metavar="NUMBER",
        help="Number of parts of the table to read in parallel.",
    )
    return segments(rate(function))


# -- a table's extra properties ---------------------------------------------------------------


def with_extras(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add flags for tags, encryption, protection and backups; pass an `Extras`."""

    @click.option(
        "--tag",
        "tags",
        multiple=True,
        metavar="KEY=VALUE",
        callback=_parse_tags,
        help="A tag; repeatable.",
    )
    @click.option("--kms-key", metavar="KEY", help="Encrypt with this KMS key: ARN, id or alias.")
    @click.option("--deletion-protection", is_flag=True, help="Make DeleteTable fail.")
    @click.option("--point-in-time-recovery", is_flag=True, help="Turn on continuous backups.")
    @functools.wraps(function)
    def wrapper(**given: Any) -> Any:
        extras = Extras(**{spec.name: given.pop(spec.name) for spec in fields(Extras)})
        return function(extras=extras, **given)

    return wrapper


def _parse_tags(_: click.Context, __: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:
    tags = {}
    for word in given:
        key, equals, value = word.partition("=")
        if not key or not equals:
            raise click.BadParameter(f"{word!r} is not KEY=VALUE")
        tags[key] = value
    return tags
