"""Write tables as JSON files, and read them back.

``python -m tests.format.tables v1`` writes the items of the current version to ``tables/v1/``. The
clock is fixed and random tokens are derived from the contents' names, so a second run writes the
same files, except for differences between versions of zlib, zstd and pickle.

The files contain items as DynamoDB JSON. A binary value is base64, or a list of
``{"base64": …, "times": …}`` if it contains long runs of one byte.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import secrets
import sys
import time
from base64 import b64decode, b64encode, urlsafe_b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from beaker_dynamodb import DynamoDBNamespaceManager
from beaker_dynamodb.testing.local import EmbeddedDynamoDB
from tests.clock import Clock
from tests.format.contents import CONTENTS, WRITTEN, Content

TABLES = Path(__file__).parent / "tables"
#: The two shapes of tables: file name and options.
SHAPES: dict[str, dict[str, Any]] = {"hash_only": {}, "sort_key": {"sort_key": "part"}}
#: Shortest run of one byte that is stored as a count.
LONG_RUN = 100

Item = dict[str, Any]
#: Names and values of key attributes.
PrimaryKey = tuple[tuple[str, str], ...]
#: Items, by the name of their content.
Table = dict[str, list[Item]]


def write(options: Mapping[str, Any]) -> Table:
    """Write all contents to a new table, and return its items."""
    make_table(options)
    found: set[PrimaryKey] = set()
    table: Table = {}
    for content in CONTENTS:
        clock = Clock(WRITTEN)
        with beaker_at(clock), no_randomness(content):
            content.write({**options, "clock": clock}, clock)
        written = primary_keys(options) - found
        table[content.name] = [get(options, key) for key in sorted(written)]
        found |= written
    return table


def load(version: str, shape: str) -> Table:
    """Return a stored table."""
    text = (TABLES / version / f"{shape}.json").read_text(encoding="utf-8")
    table: Table = json.loads(text, object_hook=_restore)
    return table


def put(options: Mapping[str, Any], table: Table) -> None:
    """Create a table with exactly these items."""
    make_table(options)
    client = DynamoDBNamespaceManager("any", **options).client
    for item in itertools.chain.from_iterable(table.values()):
        client.put_item(TableName=options["table_name"], Item=item)


def make_table(options: Mapping[str, Any]) -> None:
    """Create the table, by the package's first call."""
    assert b"nothing" not in DynamoDBNamespaceManager("nothing", **options)


def primary_keys(options: Mapping[str, Any]) -> set[PrimaryKey]:
    """Return the primary keys of all items of a table."""
    client = DynamoDBNamespaceManager("any", **options).client
    pages = client.get_paginator("scan").paginate(
        TableName=options["table_name"], ProjectionExpression="id, part"
    )
    return {
        tuple((name, value["S"]) for name, value in sorted(item.items()))
        for page in pages
        for item in page["Items"]
    }


def get(options: Mapping[str, Any], key: PrimaryKey) -> Item:
    """Return an item."""
    client = DynamoDBNamespaceManager("any", **options).client
    answer = client.get_item(
        TableName=options["table_name"], Key={name: {"S": value} for name, value in key}
    )
    return dict(answer["Item"])


@contextmanager
def beaker_at(clock: Callable[[], float]) -> Iterator[None]:
    """Replace the clock of Beaker and `DynamoDBSession`; the package has the option `clock`."""
    moved = SimpleNamespace(time=clock, strftime=time.strftime)
    with pytest.MonkeyPatch.context() as patch:
        for module in ("beaker.session", "beaker.container"):
            patch.setattr(f"{module}.time", moved)
        yield


@contextmanager
def no_randomness(content: Content) -> Iterator[None]:
    """Derive session id, tokens and nonces from a content's name."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "urandom", content.random)
        patch.setattr("beaker_dynamodb.wsgi.session_cookie.new_id", lambda: content.id)
        patch.setattr(
            secrets,
            "token_urlsafe",
            lambda size: urlsafe_b64encode(content.random(size)).decode().rstrip("="),
        )
        yield


def _dump(table: Table) -> str:
    """Return a table as JSON, one attribute on a line."""
    contents = []
    for name, items in table.items():
        blocks = []
        for item in items:
            lines = [f"   {_json(name)}: {_json(value)}" for name, value in item.items()]
            blocks.append("  {\n" + ",\n".join(lines) + "\n  }")
        contents.append(f" {_json(name)}: [\n" + ",\n".join(blocks) + "\n ]")
    return "{\n" + ",\n".join(contents) + "\n}\n"


def _json(value: Any) -> str:
    return json.dumps(value, default=_show, ensure_ascii=False)


def _show(value: Any) -> Any:
    """Convert bytes for JSON."""
    if not isinstance(value, bytes):
        raise TypeError(type(value))
    parts = [run[0] for run in re.finditer(rb"(.)\1{%d,}|." % LONG_RUN, value, re.DOTALL)]
    if len(parts) == len(value):
        return b64encode(value).decode()
    shown: list[dict[str, Any]] = []
    plain = b""
    for part in [*parts, b""]:
        if len(part) == 1:
            plain += part
            continue
        shown += [{"base64": b64encode(plain).decode(), "times": 1}] if plain else []
        shown += [{"base64": b64encode(part[:1]).decode(), "times": len(part)}] if part else []
        plain = b""
    return shown


def _restore(part: dict[str, Any]) -> dict[str, Any]:
    """Convert a binary attribute from JSON to bytes."""
    if part.keys() != {"B"}:
        return part
    runs = part["B"] if isinstance(part["B"], list) else [{"base64": part["B"], "times": 1}]
    return {"B": b"".join(b64decode(run["base64"]) * run["times"] for run in runs)}


def main(version: str) -> None:
    """Write the files of a version."""
    (TABLES / version).mkdir(parents=True)
    with EmbeddedDynamoDB() as server:
        place = {"endpoint_url": server.endpoint_url, **server.credentials}
        for shape, extra in SHAPES.items():
            table = write({"table_name": f"{version}-{shape}", **place, **extra})
            (TABLES / version / f"{shape}.json").write_text(_dump(table), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
