"""The options: one table that feeds the parsing, the README and the command's help.

A new option is a new field of `Options`; its metadata is all that the README's table, the error
messages and the command need.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any

from beaker_dynamodb.config import converters, urls
from beaker_dynamodb.exceptions import ConfigurationError

#: Attributes of an item whose names are fixed (see docs/design.md, Items).
FIXED_ATTRIBUTES = frozenset(
    {
        "accessed",
        "chunk_set",
        "cookie",
        "chunks",
        "codec",
        "created",
        "data",
        "deadline",
        "earlier",
        "grace",
        "key",
        "lease",
        "namespace",
        "owner",
        "signature",
        "type",
        "version",
        "writer",
    }
)

#: Attributes that every index has besides its keys: those of FIXED_ATTRIBUTES here, and the
#: ttl_attribute.
INDEXED_ATTRIBUTES = ("accessed", "created", "deadline", "namespace", "type")
#: A table may have 20 global secondary indexes; one of them may have 20 attributes besides its
#: keys, all of them together 100 (AWS developer guide, quotas; API reference, Projection).
MAX_INDEXES, MAX_INDEX_ATTRIBUTES, MAX_ATTRIBUTES_OF_INDEXES = 20, 20, 100


def _option(
    caster: Callable[[Any], Any],
    help: str,
    *,
    default: Any = None,
    shown: str | None = None,
    unit: str = "",
    aliases: tuple[str, ...] = (),
    secret: bool = False,
    live: bool = False,
) -> Any:
    """Declare one option.

    :param caster: makes the value of a text or a Python value; raises ValueError with the reason.
    :param help: one sentence for the README and the command.
    :param shown: the default as people read it, where it is not ``default`` itself.
    :param unit: the unit of the number.
    :param aliases: other names of the same option.
    :param secret: never shown in a repr.
    :param live: a Python object; cannot be written in an INI file or a url.
    """
    metadata = {
        "caster": caster,
        "help": help,
        "shown": shown,
        "unit": unit,
        "aliases": aliases,
        "secret": secret,
        "live": live,
    }
    return field(default=default, metadata=metadata)


@dataclass(frozen=True, kw_only=True, repr=False)
class Options:
    """What a user has configured, cast and checked. Equal options share one boto3 client."""

    table_name: str = _option(
        converters.table_name,
        "The table, by name or ARN.",
        default="sessions",
        aliases=("table",),
    )
    hash_key: str = _option(
        converters.attribute_name,
        "Attribute that is the table's partition key.",
        default="id",
    )
    sort_key: str | None = _option(
        converters.attribute_name,
        "Attribute that is the table's sort key, for tables that have one; then `keys()` and "
        "`clear()` of a cache are a Query instead of a Scan.",
        shown="none",
    )
    prefix: str | None = _option(
        converters.prefix,
        "Begins every key, so that applications can share a table. A colon is added where it "
        "does not end with one: no id can then reach into another prefix.",
        shown="`sess:` for sessions, `cache:` for caches",
    )
    client: Any = _option(
        converters.live,
        "A ready boto3 DynamoDB client; used as it is, the connection options then mean nothing.",
        shown="none",
        live=True,
    )
    region_name: str | None = _option(
        converters.text, "AWS Region.", shown="AWS's own chain", aliases=("region",)
    )
    endpoint_url: str | None = _option(
        converters.endpoint_url,
        "Another endpoint, such as DynamoDB Local.",
        shown="AWS's own chain",
    )
    profile_name: str | None = _option(
        converters.text, "Profile of the AWS configuration files.", shown="AWS's own chain"
    )
    aws_access_key_id: str | None = _option(
        converters.text, "Handed to boto3.", shown="AWS's own chain", secret=True
    )
    aws_secret_access_key: str | None = _option(
        converters.text, "Handed to boto3.", shown="AWS's own chain", secret=True
    )
    aws_session_token: str | None = _option(
        converters.text, "Handed to boto3.", shown="AWS's own chain", secret=True
    )
    config: Any = _option(
        converters.live,
        "A botocore Config; what it sets wins over the five options below.",
        shown="none",
        live=True,
    )
    connect_timeout: float = _option(
        converters.positive_number, "Longest wait for a connection.", default=1.0, unit="seconds"
    )
    read_timeout: float = _option(
        converters.positive_number, "Longest wait for an answer.", default=2.0, unit="seconds"
    )
    max_attempts: int = _option(
        converters.positive_integer, "Tries of one call, the first one included.", default=3
    )
    retry_mode: str = _option(
        converters.choice("standard", "adaptive", "legacy"),
        "botocore's retry mode: `standard`, `adaptive` or `legacy`.",
        default="standard",
    )
    max_pool_connections: int = _option(
        converters.positive_integer, "Connections that one process keeps open.", default=50
    )
    transport: str = _option(
        converters.choice("boto3", "lean"),
        "`lean`: GetItem, PutItem and DeleteItem are made and signed here, with boto3's "
        "credentials and over its connections, at half of its processor time; what is not answered "
        "plainly is asked again by boto3.",
        default="boto3",
    )
    url: str | None = _option(
        converters.text,
        "All options that are texts or numbers in one: "
        "`dynamodb://REGION/TABLE?endpoint_url=…&prefix=…`; the Region may be empty. An option "
        "that is also given by itself wins. pyramid_beaker hands only `url` on to cache regions.",
        shown="none",
        secret=True,
    )
    create_table: bool = _option(
        converters.boolean,
        "Create a missing table, with time to live, when it is first used. `false` needs fewer "
        "permissions.",
        default=True,
    )
    billing_mode: str = _option(
        converters.choice("PAY_PER_REQUEST", "PROVISIONED"),
        "Billing of a table that is created: `PAY_PER_REQUEST` or `PROVISIONED`.",
        default="PAY_PER_REQUEST",
    )
    read_capacity_units: int | None = _option(
        converters.positive_integer,
        "Capacity of a table that is created; setting it means `PROVISIONED`.",
        shown="none; 5 units where only the other one is set",
        unit="units",
    )
    write_capacity_units: int | None = _option(
        converters.positive_integer,
        "Capacity of a table that is created; setting it means `PROVISIONED`.",
        shown="none; 5 units where only the other one is set",
        unit="units",
    )
    ttl_attribute: str = _option(
        converters.attribute_name,
        "Attribute for DynamoDB's time to live.",
        default="expires",
    )
    timeout: float | None = _option(
        converters.number,
        "Life of an item after its last write. Beaker sets it for sessions, to its own "
        "`session.timeout` plus 120 seconds; `expire` of a cache goes before it.",
        shown="`session.timeout` + 120 seconds",
        unit="seconds",
    )
    default_ttl: float | None = _option(
        converters.number,
        "Life of an item that is written without any expiry; 0 is for ever.",
        shown="86400 seconds for sessions, for ever for cache entries",
        unit="seconds",
    )
    touch_interval: float | None = _option(
        converters.number,
        "A session that did not change is written at most once in this time, to refresh its "
        "expiry; never more than 10 % of its life.",
        shown="5 % of the life, at most 300 seconds",
        unit="seconds",
    )
    concurrency: str = _option(
        converters.choice("merge", "reject", "overwrite"),
        "When another request saved the session meanwhile: `merge` the changes of both, `reject` "
        "the later save with SessionConflict, or `overwrite` the earlier.",
        default="merge",
    )
    marker_seconds: float = _option(
        converters.number,
        "After `regenerate_id()`, `invalidate()` or `delete()` an empty marker takes the session's "
        "place for this time, so that a late request with the old cookie replaces neither the new "
        "session nor its cookie. 0: no marker.",
        default=10.0,
        unit="seconds",
    )
    hash_ids: bool | str = _option(
        converters.hash_ids,
        "Keep the SHA-256 of a session's id in its key, so that whoever reads the table cannot "
        "take a session over. `migrate` also finds, and moves, sessions from before.",
        default=False,
    )
    consistent_read: bool | str = _option(
        converters.consistent_read,
        "Read what was written last. `false` costs half as much and may be a moment behind. "
        "`auto`, with our middleware: at half the price, but never behind what this browser has "
        "seen.",
        default=True,
    )
    serializer: Any = _option(
        converters.serializer,
        "Of cache values: `pickle`, `json`, or an object with `dumps` and `loads`. A session has "
        "Beaker's own `data_serializer`.",
        default="pickle",
    )
    compression: str = _option(
        converters.choice("auto", "zlib", "zstd", "off"),
        "How values and sessions are made smaller. `auto`: with zlib, which every installation "
        "reads, if a tenth or more is saved. `zlib` and `zstd`: if anything is saved; `zstd` needs "
        "Python 3.14 or the extra `zstd`. `off`. What was written under another setting is read.",
        default="auto",
    )
    compression_threshold: int = _option(
        converters.positive_integer,
        "What has fewer bytes is not compressed.",
        default=1024,
        unit="bytes",
    )
    max_value_size: int = _option(
        converters.value_size,
        "What is larger, as it would be stored, is an ItemTooLarge. Up to here, what does not fit "
        "into one item is stored in several.",
        default=16 * 1024 * 1024,
        unit="bytes",
    )
    signing_keys: tuple[bytes, ...] = _option(
        converters.signing_keys,
        "Secrets of 16 bytes or more, with commas between them, or a tuple. Every item is signed "
        "with the first; one that is not signed with any of them is a PayloadError, and never "
        "unpickled.",
        default=(),
        shown="none",
        secret=True,
    )
    signing_keys_accept_unsigned: bool = _option(
        converters.boolean,
        "Read items that carry no signature as well: for the time after `signing_keys` was first "
        "set.",
        default=False,
    )
    special_keys: tuple[tuple[str, str], ...] = _option(
        converters.special_keys,
        "Session keys that are copied to attributes of the item: `userId:S, logins:N`, of types "
        "`S` (a text), `N` (a number), `B` (bytes) or `BOOL`. `user.id` is the key `id` of the "
        "dict `user`.",
        default=(),
        shown="none",
    )
    skip_throw_missing_special_keys: bool = _option(
        converters.boolean,
        "Save sessions that lack a special key too; else they are a MissingSpecialKeys.",
        default=False,
    )
    index_keys: tuple[str, ...] = _option(
        converters.names,
        "Special keys by which sessions are found, each with a global secondary index of a table "
        "that is created.",
        default=(),
        shown="none",
    )
    reap_interval: float = _option(
        converters.number,
        "Legacy: a thread of each process reads the whole table so often, and deletes what has "
        "expired; time to live does that for nothing. 0: no thread.",
        default=0.0,
        unit="seconds",
    )
    stale_grace: float = _option(
        converters.number,
        "An entry of a cache with `expire` is kept so much longer; while one caller makes the new "
        "value, the others get the old one instead of waiting. 0: they wait.",
        default=60.0,
        unit="seconds",
    )
    lock_lease: float = _option(
        converters.positive_number,
        "While a cache value is made, its lock is renewed; when it has not been for so long, its "
        "holder is taken for dead, and another process makes the value.",
        default=30.0,
        unit="seconds",
    )
    lock_timeout: float = _option(
        converters.positive_number,
        "Longest wait for a cache value that another thread or process makes; then LockTimeout.",
        default=60.0,
        unit="seconds",
    )
    on_error: str = _option(
        converters.choice("raise", "miss"),
        "Of caches, when DynamoDB does not answer: `raise` StoreUnavailable, or take a read for a "
        "`miss` and leave a write out, with a warning once a minute. Sessions always raise.",
        default="raise",
    )
    clock: Callable[[], float] = _option(
        converters.live,
        "Where the time comes from, a function that returns epoch seconds; for tests.",
        default=time.time,
        shown="`time.time`",
        live=True,
    )

    def __post_init__(self) -> None:
        """Hold the options against each other.

        :raises ConfigurationError: two attributes of an item would have the same name, or
            ``index_keys`` names what cannot have an index.
        """
        named = [("hash_key", self.hash_key), ("ttl_attribute", self.ttl_attribute)]
        if self.sort_key is not None:
            named.append(("sort_key", self.sort_key))
        named += [("special_keys", name) for name, _ in self.special_keys]
        taken = dict.fromkeys(FIXED_ATTRIBUTES, "an attribute that beaker_dynamodb itself writes")
        for option, name in named:
            if name in taken:
                raise ConfigurationError(f"option {option}: {name!r} is already {taken[name]}")
            taken[name] = f"the {option}"
        self._check_indexes()

    def _check_indexes(self) -> None:
        types = dict(self.special_keys)
        for name in self.index_keys:
            if name not in types:
                raise ConfigurationError(f"option index_keys: {name!r} is none of special_keys")
            if types[name] == "BOOL":
                raise ConfigurationError(f"option index_keys: {name!r} is a BOOL, not S, N or B")
        # The special key that it is of is its key; the others come on top of the fixed ones.
        each = len(INDEXED_ATTRIBUTES) + len(self.special_keys)
        if self.index_keys and (
            len(self.index_keys) > MAX_INDEXES
            or each > MAX_INDEX_ATTRIBUTES
            or each * len(self.index_keys) > MAX_ATTRIBUTES_OF_INDEXES
        ):
            raise ConfigurationError(
                f"option index_keys: {len(self.index_keys)} indexes of {each} attributes are more "
                "than DynamoDB allows; each has all special_keys"
            )

    @property
    def provisioned(self) -> bool:
        """Whether a table that is created gets provisioned capacity."""
        return (
            self.billing_mode == "PROVISIONED"
            or self.read_capacity_units is not None
            or self.write_capacity_units is not None
        )

    def __repr__(self) -> str:
        """Name what differs from the defaults, without any secret."""
        values = ((spec.name, getattr(self, spec.name), spec.default) for spec in fields(self))
        said = [
            f"{name}={shown(name, value)}" for name, value, default in values if value != default
        ]
        return f"Options({', '.join(said)})"


_SECRET = frozenset(spec.name for spec in fields(Options) if spec.metadata["secret"])


def shown(name: str, value: object) -> str:
    """Return what a repr or a message may show of an option's value.

    :param name: the option.
    """
    if name in _SECRET:
        return urls.HIDDEN
    if name == "endpoint_url" and isinstance(value, str):
        value = urls.shown(value)
    return repr(value)


def option_rows() -> list[tuple[str, str, str]]:
    """Give the README's option table: name (with aliases), default with unit, what it does."""
    rows = []
    for spec in fields(Options):
        meta = spec.metadata
        name = " or ".join(f"`{name}`" for name in (spec.name, *meta["aliases"]))
        default = meta["shown"]
        if default is None:
            value = str(spec.default).lower() if isinstance(spec.default, bool) else spec.default
            number = f"`{value:g}`" if isinstance(value, float) else f"`{value}`"
            default = f"{number} {meta['unit']}".strip()
        rows.append((name, default, meta["help"]))
    return rows
