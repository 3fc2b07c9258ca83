"""The option table. Parsing, the documentation, error messages and ``--help`` all use it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

from beaker_dynamodb.config import converters
from beaker_dynamodb.config.attributes import (
    check_attribute_names,
    check_index_keys,
    check_user_key,
)
from beaker_dynamodb.config.declare import option, shown_value
from beaker_dynamodb.config.security_options import SecurityOptions

_AWS_CHAIN = "from the AWS configuration"
_CAPACITY_DEFAULT = "none; 5 units if only the other one is set"


@dataclass(frozen=True, kw_only=True, repr=False)
class Options(SecurityOptions):
    """Parsed and checked options. Equal options share one boto3 client."""

    table_name: str = option(
        converters.table_name, "Table name or ARN.", default="sessions", aliases=("table",)
    )
    hash_key: str = option(
        converters.attribute_name, "Attribute that is the table's partition key.", default="id"
    )
    sort_key: str | None = option(
        converters.attribute_name,
        "Attribute that is the table's sort key, if it has one. `keys()` and `clear()` of a cache "
        "are then a Query instead of a Scan.",
    )
    prefix: str | None = option(
        converters.prefix,
        "Start of every key, so that applications can share a table. A missing final colon is "
        "added, so that no id is mistaken for a part of the prefix.",
        default_text="`sess:` for sessions, `cache:` for caches",
    )
    client: Any = option(
        converters.live,
        "A boto3 DynamoDB client to use. The options for the connection are then ignored.",
    )
    region_name: str | None = option(
        converters.string, "AWS Region.", default_text=_AWS_CHAIN, aliases=("region",)
    )
    endpoint_url: str | None = option(
        converters.endpoint_url, "Endpoint URL, such as DynamoDB Local's.", default_text=_AWS_CHAIN
    )
    aws_access_key_id: str | None = option(
        converters.string,
        "Static AWS credentials. A role or a profile is safer.",
        default_text=_AWS_CHAIN,
        secret=True,
    )
    aws_secret_access_key: str | None = option(
        converters.string, "Secret for `aws_access_key_id`.", default_text=_AWS_CHAIN, secret=True
    )
    config: Any = option(
        converters.live,
        "A botocore Config, which overrides `read_timeout` and `max_attempts`.",
    )
    read_timeout: float = option(
        converters.positive_number, "Timeout for a response.", default=2.0, unit="seconds"
    )
    max_attempts: int = option(
        converters.positive_integer, "Attempts per call, including the first.", default=3
    )
    total_timeout: float = option(
        converters.positive_number,
        "Timeout for a call with all its attempts. An attempt in progress is not cut short.",
        default=5.0,
        unit="seconds",
    )
    transport: str = option(
        converters.choice("auto", "lean", "boto3"),
        "How calls are made. `lean` sends GetItem, PutItem and DeleteItem in a sixth of boto3's "
        "processor time. `auto` does so unless other code observes the calls, for instance a "
        "tracer.",
        default="auto",
    )
    url: str | None = option(
        converters.string,
        "Options in one URL: `dynamodb://REGION/TABLE?endpoint_url=…&prefix=…`. The Region may be "
        "empty. A separately set option overrides the URL. pyramid_beaker passes only `url` to "
        "cache regions.",
        secret=True,
    )
    create_table: bool = option(
        converters.boolean,
        "Create a missing table, with time to live, on first use. `false` needs fewer permissions.",
        default=True,
    )
    read_capacity_units: int | None = option(
        converters.positive_integer,
        "Provisioned read capacity of a created table; the default is billing per request.",
        default_text=_CAPACITY_DEFAULT,
        unit="units",
    )
    write_capacity_units: int | None = option(
        converters.positive_integer,
        "Provisioned write capacity of a created table.",
        default_text=_CAPACITY_DEFAULT,
        unit="units",
    )
    ttl_attribute: str = option(
        converters.attribute_name, "Attribute for DynamoDB's time to live.", default="expires"
    )
    timeout: float | None = option(
        converters.number,
        "Lifetime of an item after its last write; 0 is forever. For sessions, Beaker sets it to "
        "`session.timeout` plus 120 seconds. A cache's `expire` takes precedence.",
        default_text="86400 seconds for sessions, forever for cache entries",
        unit="seconds",
    )
    absolute_timeout: float | None = option(
        converters.positive_number,
        "A session ends this long after its last log-in, or after its creation if there was "
        "none, even if it is in use. Beaker's own middleware does not notice log-ins.",
        unit="seconds",
    )
    touch_interval: float | None = option(
        converters.number,
        "An unchanged session is written at most once in this interval, to extend its expiry. "
        "The interval is at most 10 % of the session's lifetime.",
        default_text="5 % of the lifetime, at most 300 seconds",
        unit="seconds",
    )
    concurrency: str = option(
        converters.choice("merge", "reject", "overwrite"),
        "What to do if another request saved the session in the meantime: `merge` both changes, "
        "`reject` the later save with SessionConflict, or `overwrite` the earlier one.",
        default="merge",
    )
    hash_ids: bool | str = option(
        converters.boolean_or("migrate"),
        "Store the SHA-256 of the session id in the key, so that reading the table is not enough "
        "to take over a session. `migrate` also finds and moves sessions stored without it.",
        default=False,
    )
    consistent_read: bool | str = option(
        converters.boolean_or("auto"),
        "Use strongly consistent reads. `false` costs half as much and may return slightly older "
        "data. `auto` (this package's middleware only) also costs half, but never returns data "
        "older than this browser's last change.",
        default=True,
    )
    serializer: Any = option(
        converters.serializer,
        "Serializer for cache values: `pickle`, `json`, or an object with `dumps` and `loads`. For "
        "sessions, set Beaker's `data_serializer`.",
        default="pickle",
    )
    compression: str = option(
        converters.choice("auto", "zlib", "zstd", "off"),
        "Compress values and sessions of 1 KB or more. `auto`: with zlib, if that saves 10 %. "
        "`zlib` and `zstd`: if it saves anything. `zstd` needs Python 3.14 or the extra `zstd`. "
        "All formats can be read with any setting.",
        default="auto",
    )
    special_keys: tuple[converters.SpecialKey, ...] = option(
        converters.special_keys,
        "Session keys to copy to attributes: `userId:S, logins:N`. Types: `S` (string), `N` "
        "(number), `B` (bytes), `BOOL`. `user.id` is the key `id` of the dict `user`. With "
        "`userId:S:index`, a created table gets a global secondary index to find sessions by.",
        default=(),
    )
    skip_throw_missing_special_keys: bool = option(
        converters.boolean,
        "Save sessions that lack special keys, instead of raising MissingSpecialKeys.",
        default=False,
    )
    reap_interval: float = option(
        converters.number,
        "Legacy: each process scans the table in a thread at this interval and deletes expired "
        "items. Time to live does the same for free. 0 starts no thread.",
        default=0.0,
        unit="seconds",
    )
    stale_grace: float = option(
        converters.number,
        "A cache entry with `expire` is kept for this many more seconds. While one caller computes "
        "the new value, others get the old one. With 0 they wait.",
        default=60.0,
        unit="seconds",
    )
    lock_timeout: float = option(
        converters.positive_number,
        "How long to wait for a cache value that another thread or process computes; then raise "
        "LockTimeout. A lock that is not renewed for half of this time is considered abandoned.",
        default=60.0,
        unit="seconds",
    )
    on_error: str = option(
        converters.choice("raise", "miss"),
        "If DynamoDB does not answer, caches `raise` StoreUnavailable or (`miss`) treat reads as "
        "misses, skip writes and log a warning once a minute. Sessions always raise.",
        default="raise",
    )
    strict_options: bool = option(
        converters.boolean,
        "Unknown options are errors, not warnings. Misspelled options are always errors.",
        default=False,
    )
    clock: Callable[[], float] = option(
        converters.live,
        "Function that returns epoch seconds; for tests.",
        default=time.time,
        default_text="`time.time`",
    )

    def __post_init__(self) -> None:
        names = self.hash_key, self.sort_key, self.ttl_attribute
        check_attribute_names(self.special_types, *names)
        check_index_keys(self.index_keys, self.special_types)
        check_user_key(self.user_key, self.max_sessions, self.index_keys)

    @cached_property
    def special_types(self) -> dict[str, str]:
        """The DynamoDB type of each special key."""
        return {key.name: key.type for key in self.special_keys}

    @cached_property
    def index_keys(self) -> tuple[str, ...]:
        """The special keys with an index."""
        return tuple(key.name for key in self.special_keys if key.indexed)

    @property
    def provisioned(self) -> bool:
        """Whether a created table gets provisioned capacity."""
        return self.read_capacity_units is not None or self.write_capacity_units is not None

    def __repr__(self) -> str:
        """List the options that differ from their defaults, without secrets."""
        values = ((spec, getattr(self, spec.name)) for spec in fields(self))
        shown = (f"{s.name}={shown_value(s, v)}" for s, v in values if v != s.default)
        return f"Options({', '.join(shown)})"
