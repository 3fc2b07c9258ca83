"""The costs of a million requests."""

from __future__ import annotations

from math import ceil

from beaker_dynamodb.cli.capacity import (
    PRICE_READ_MILLION,
    PRICE_WRITE_MILLION,
    READ_UNIT_BYTES,
    WRITE_UNIT_BYTES,
)
from tests.docs.pages import page, table

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
