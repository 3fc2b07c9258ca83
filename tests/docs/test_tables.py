"""Tables, figures and messages that are compared with the code and the benchmarks."""

from __future__ import annotations

import ast
import json
import re
from math import ceil
from pathlib import Path
from random import Random
from typing import Any

import pytest
from beaker.util import PickleSerializer

from beaker_dynamodb import exceptions
from beaker_dynamodb.cli.capacity import (
    PRICE_READ_MILLION,
    PRICE_WRITE_MILLION,
    READ_UNIT_BYTES,
    WRITE_UNIT_BYTES,
)
from beaker_dynamodb.config.parse import parse
from beaker_dynamodb.items.codec import Codec, SessionBytes
from beaker_dynamodb.items.item import SESSION, Item, item_size
from beaker_dynamodb.items.keys import Keys
from beaker_dynamodb.items.layout import Layout
from beaker_dynamodb.sessions.merge_values import merge_value
from beaker_dynamodb.sessions.session_format import Protocol4Serializer
from benchmarks.plots import dollars
from benchmarks.workload import basket_line, shop_session
from tests.docs.pages import ROOT, page, table


def test_merges() -> None:
    rows = [re.findall(r"`(.*?)`", line) for line in table("merges").splitlines()[2:]]
    for row in rows:
        loaded, earlier, later, stored = map(ast.literal_eval, row)
        assert stored == merge_value(loaded, later, earlier, (), rebased=False), row
    assert 6 == len(rows)


def test_every_exception_is_described() -> None:
    text = page("docs/reference/exceptions.md").text
    described = re.findall(r"autoexception:: beaker_dynamodb\.(\w+)", text)
    assert sorted(exceptions.__all__) == sorted(described)


def test_every_stored_attribute_is_described() -> None:
    text = page("docs/reference/items.md").text
    stored = [
        item
        for path in (ROOT / "tests/format/tables").glob("*/*.json")
        for items in json.loads(path.read_text()).values()
        for item in items
    ]
    # The sort key's name and the special keys are the application's choice.
    chosen = {"part", "userId", "user.name", "token", "admin"}
    assert chosen == {name for item in stored for name in item} - set(re.findall(r"`(\w+)`", text))
    kinds = {item["type"]["S"] for item in stored}
    assert kinds <= set(re.findall(r"`(beaker-\w+)`", text))


def test_session_sizes() -> None:
    ours, beakers = Protocol4Serializer(), PickleSerializer()
    columns = {
        "`off`": (ours, {"compression": "off"}),
        "`auto`": (ours, {}),
        "`auto`, signed": (ours, {"signing_keys": "a key of sixteen bytes and more"}),
        "`auto`, Beaker's middleware": (beakers, {}),
    }
    rows = [f"| lines in the basket | {' | '.join(columns)} |", "|---" * 5 + "|"]
    for lines in (1, 10, 20, 200):
        cells = []
        for serializer, options in columns.values():
            size = stored_size(lines, serializer, options)
            units = -(-size // WRITE_UNIT_BYTES)
            cells.append(f"{size / 1024:.1f} KB, {units} unit{'s' if units > 1 else ''}")
        rows.append(f"| {lines} | {' | '.join(cells)} |")
    expected = "\n".join(rows)
    assert expected == table("sizes"), f"the page should say:\n\n{expected}\n"


def stored_size(lines: int, serializer: Any, options: dict[str, Any]) -> int:
    """Return the size of a shop's session in bytes, as DynamoDB counts it."""
    random = Random(lines)
    times = {"_accessed_time": 1_700_000_123.456789, "_creation_time": 1_700_000_000.123456}
    data = {**times, **shop_session(random)}
    data["basket"] = [basket_line(random) for _ in range(lines)]
    parsed = parse(options)
    used = Codec(parsed)
    item = Item(
        Keys(parsed).session("0123456789abcdef" * 4),
        SESSION,
        *used.encode_session(SessionBytes(serializer.dumps(data))),
        created_ms=1_700_000_000_123,
        deadline_ms=1_700_003_600_123,
        accessed_ms=1_700_000_123_456,
        version=7,
        writer="0123456789ab",
    )
    used.sign(item)
    return item_size(Layout(parsed).attributes(item))


CHANGES = 0.1


def test_the_table_of_costs() -> None:
    rows = []
    for size in (0.7, 1.5, 4, 16):
        reads = ceil(size * 1024 / READ_UNIT_BYTES) * PRICE_READ_MILLION
        writes = CHANGES * ceil(size * 1024 / WRITE_UNIT_BYTES) * PRICE_WRITE_MILLION
        dollars = (reads, reads + writes, reads / 2 + writes)
        rows.append(f"| {size} KB | {' | '.join(f'${each + 1e-9:.2f}' for each in dollars)} |")
    assert rows == table("costs").splitlines()[2:]


def test_the_prices() -> None:
    text = page("docs/howto/costs.md").text
    assert f"${PRICE_READ_MILLION} for a million read units" in text
    assert f"${PRICE_WRITE_MILLION} for a million write units" in text


README = page("README.md")


def test_it_is_short() -> None:
    assert len(README.text.splitlines()) <= 150


def test_the_first_commands_are_one_line_each() -> None:
    start, test = README.blocks("sh", "Try it")
    assert [1, 1] == [start.code.count("\n"), test.code.count("\n")]
    assert ".[example]" in start.code
    assert start.code.strip().endswith("example_wsgi.py")
    assert test.code.strip().endswith("tox")


def test_the_costs_are_those_of_the_last_benchmark() -> None:
    result = json.loads((ROOT / "benchmarks/results/result.json").read_text())
    cost = {
        row["candidate"]: f"${dollars(row) + 1e-9:.2f}"
        for row in result["capacity"]
        if row["size_kb"] == 16
    }
    row = next(line for line in README.text.splitlines() if "16 KB" in line)
    cells = [cell.strip() for cell in row.split("|")]
    assert [cost["ours"], cost["flask-session"]] == [cells[2], cells[5]]


QUOTED = re.findall(
    r"^\| `([^`]+)` \|",
    page("docs/howto/troubleshooting.md").text.split("## By message")[1],
    re.MULTILINE,
)


def strings(path: Path) -> str:
    """Return a module's string constants, including the fixed parts of f-strings, one per line."""
    tree = ast.parse(path.read_text())
    found = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    return "\n".join(value for value in found if isinstance(value, str))


ALL = "\n".join(strings(path) for path in sorted((ROOT / "beaker_dynamodb").rglob("*.py")))


@pytest.mark.parametrize("message", QUOTED)
def test_the_package_has_a_quoted_message(message: str) -> None:
    assert message in ALL
