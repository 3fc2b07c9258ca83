"""docs/howto/test-your-application.md: its tests pass."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import page


@pytest.mark.full
def test_the_tests_of_the_page_pass(tmp_path: Path) -> None:
    blocks = page("docs/howto/test-your-application.md").blocks("python")
    # Those lines belong in a fixture.
    code = [block.code for block in blocks if block.heading != "In DynamoDB Local"]
    (tmp_path / "test_page.py").write_text("\n".join(code))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", "."]
    environment = {name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"}
    # Tracers that are installed would load themselves.
    environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    run = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert 0 == run.returncode, run.stdout
    assert "4 passed" in run.stdout
