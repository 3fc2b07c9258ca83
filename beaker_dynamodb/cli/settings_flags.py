"""Every option of options.py as a flag of a command, and the INI file's."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import click

from beaker_dynamodb.cli.frame import SettingOption
from beaker_dynamodb.cli.settings import SESSIONS, load
from beaker_dynamodb.config.parse import Options

#: Those that say which table; they come first, and in every help.
COMMON = ("url", "table_name", "region_name", "endpoint_url", "profile_name", "prefix")

_FILE_FLAGS = (
    (
        ("--ini",),
        "FILE",
        "Read the settings of an INI file: session.*, beaker.session.*, cache.* …",
    ),
    (
        ("--section",),
        "NAME",
        "Its section; without, the one that says ext:dynamodb.",
    ),
    (
        ("--for", "purpose"),
        "sessions|cache|cache.REGION",
        "Whose settings.",
    ),
)


def with_settings(function: Callable[..., Any], purpose: str = SESSIONS) -> Callable[..., Any]:
    """Give a command the flags, and the function a `Settings` as the argument ``settings``.

    :param purpose: whose settings it takes where ``--for`` does not say.
    """
    options = _options(purpose)
    names = [option.name for option in options[len(_FILE_FLAGS) :]]

    @functools.wraps(function)
    def wrapper(*, ini: str | None, section: str | None, purpose: str, **given: Any) -> Any:
        flags = {name: given.pop(name) for name in names}
        settings = load(flags, ini=ini, section=section, purpose=purpose)
        return function(settings=settings, **given)

    params = [*getattr(function, "__click_params__", []), *reversed(options)]
    wrapper.__click_params__ = params  # type: ignore[attr-defined]  # as click.option does it
    return wrapper


def _options(purpose: str) -> list[SettingOption]:
    options = [
        SettingOption(
            list(names),
            metavar=metavar,
            help=help,
            common=True,
            default=purpose if "purpose" in names else None,
            show_default="purpose" in names,
            callback=_purpose if "purpose" in names else None,
        )
        for names, metavar, help in _FILE_FLAGS
    ]
    specs = {spec.name: spec for spec in fields(Options) if not spec.metadata["live"]}
    for name in (*COMMON, *(name for name in specs if name not in COMMON)):
        meta = specs[name].metadata
        flags = [f"--{alias.replace('_', '-')}" for alias in (name, *meta["aliases"])]
        help = meta["help"].replace("`", "")
        if meta["secret"] and name != "url":
            help += " Secret: everybody on this machine can read command lines; better in --ini."
        options.append(
            SettingOption(
                [*flags, name],
                metavar=(meta["unit"] or "value").upper(),
                help=help,
                common=name in COMMON,
            )
        )
    return options


def _purpose(ctx: click.Context, param: click.Parameter, value: str) -> str:
    kind, _, region = value.partition(".")
    if value not in ("sessions", "cache") and not (kind == "cache" and region):
        raise click.BadParameter(f"{value!r} is none of sessions, cache, cache.REGION")
    return value
