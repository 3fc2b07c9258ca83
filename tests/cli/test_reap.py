"""reap."""

from __future__ import annotations

import json

import pytest

from tests.cli.conftest import Keys, Run


@pytest.mark.usefixtures("filled")
def test_only_expired_items_are_deleted(run: Run, keys: Keys) -> None:
    before = keys()
    assert "1 expired item would be deleted, of " in run("reap", "--dry-run").stdout
    assert before == keys()
    answer = json.loads(run("reap", "--json").stdout)
    assert (1, 1) == (answer["expired"], answer["deleted"])
    assert before - {"sess:old"} == keys()
