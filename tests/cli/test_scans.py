"""Commands that scan show how far they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from beaker_dynamodb.cli import scans
from tests.cli.conftest import Given, Run, Words


@pytest.mark.parametrize(
    ("words", "passes"),
    [
        (["stats"], 1),
        (["sessions", "list"], 1),
        (["sessions", "list", "--json"], 1),
        (["sessions", "revoke", "--all", "--dry-run"], 1),
        (["sessions", "revoke", "--all", "--yes"], 2),
        (["clear", "--namespace", "news", "--yes"], 1),
    ],
)
def test_a_scan_shows_progress_with_a_total(
    run: Run, filled: Given, monkeypatch: pytest.MonkeyPatch, words: Words, passes: int
) -> None:
    shown: list[tuple[str, float | None, list[float]]] = []

    @contextmanager
    def progress(what: str, total: float | None) -> Iterator[Callable[[float], None]]:
        amounts: list[float] = []
        shown.append((what, total, amounts))
        yield amounts.append

    monkeypatch.setattr(scans, "progress", progress)
    assert 0 == run(*words).exit_code
    assert passes == len(shown)
    what, total, amounts = shown[0]
    items = 10  # in `filled`
    assert ("items read", items, items) == (what, total, sum(amounts))


@pytest.mark.parametrize(
    ("bytes", "shown"), [(0, "0 bytes"), (1, "1 byte"), (1536, "1.5 KB"), (3 * 1024**3, "3.0 GB")]
)
def test_sizes(bytes: int, shown: str) -> None:
    assert shown == scans.size(bytes)
