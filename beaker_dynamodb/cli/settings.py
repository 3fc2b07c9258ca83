"""Settings of a subcommand, from flags and from an INI file that is read as Beaker reads it."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

import click

from beaker_dynamodb.config.beaker_settings import CACHE, SESSIONS, split
from beaker_dynamodb.config.ini import read_ini
from beaker_dynamodb.config.options import Options
from beaker_dynamodb.config.parse import COMMAND_TIMEOUTS, by_name, parse
from beaker_dynamodb.exceptions import ConfigurationError
from beaker_dynamodb.items.keys import Keys

#: Options that every help page shows; --help-all shows the others too.
COMMON = ("url", "table_name", "region_name", "endpoint_url", "prefix")
_SHOW_ALL = "beaker_dynamodb.show_all"
_SECRET = " Secret: other users of this machine can read command lines; better in --ini."


@dataclass(frozen=True)
class Settings:
    """The options of one table, for sessions or for a cache.

    :param options: the parsed options.
    :param purpose: `SESSIONS` or `CACHE`.
    :param beaker: settings of the INI file that Beaker itself reads: ``type``,
        ``data_serializer``, ``encrypt_key`` …
    :param from_ini: whether the settings come from an application's INI file.
    """

    options: Options
    purpose: str = SESSIONS
    beaker: Mapping[str, Any] = field(default_factory=dict, repr=False)
    from_ini: bool = False

    @property
    def prefix(self) -> str:
        """The key prefix of the sessions, or of the cache entries."""
        return Keys(self.options).prefixes[self.purpose == CACHE]

    def existing(self, **changes: Any) -> Options:
        """Return the options with these changes, and without ``create_table``."""
        return replace(self.options, create_table=False, **changes)


def load(
    flags: Mapping[str, Any],
    *,
    ini: str | None = None,
    section: str | None = None,
    purpose: str = SESSIONS,
) -> Settings:
    """Read the settings. Flags take precedence over the file, including a ``url`` in it.

    :param flags: option names and values; None means "not given".
    :param ini: path of an INI file.
    :param section: its section; default: the only one with sessions, or caches, in DynamoDB.
    :param purpose: ``sessions``, ``cache`` or ``cache.REGION``.
    :raises ConfigurationError: the file cannot be read, the section is missing or ambiguous, or an
        option is invalid.
    """
    kind = purpose.partition(".")[0]
    flags = by_name(flags)
    if ini is None:
        if section is not None:
            raise ConfigurationError("--section names a section of an INI file: pass --ini as well")
        return Settings(parse({**COMMAND_TIMEOUTS, **flags}), kind)
    own, beaker = split(read_ini(ini, section, purpose), purpose)
    options = parse({**COMMAND_TIMEOUTS, **by_name(own), **flags})
    return Settings(options, kind, beaker, from_ini=True)


def with_settings(function: Callable[..., Any], purpose: str = SESSIONS) -> Callable[..., Any]:
    """Add a flag per option, ``--ini``, ``--section`` and ``--for``; pass a `Settings` on.

    :param purpose: the default of ``--for``.
    """
    options = _option_flags()
    names = [option.name for option in options]

    @click.option("--ini", metavar="FILE", help="Read session.* and cache.* from an INI file.")
    @click.option(
        "--section", metavar="NAME", help="Its section; default: the one with type = ext:dynamodb."
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

    # click.option keeps its options in this list, last one first.
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
