"""Every code block of the documentation works as written."""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from beaker.cache import CacheManager
from beaker.util import parse_cache_config_options

from beaker_dynamodb.cli.main import cli
from beaker_dynamodb.middleware import SessionMiddleware
from tests.beaker import items
from tests.docs import count_visits, run_blocks, settings, visits
from tests.docs.pages import ROOT, Block, blocks, page, pages
from tests.servers.endpoint import Endpoint

#: What a block may hold; ``{...}`` is a directive of the site, and ``text`` is not code.
LANGUAGES = {"console", "diff", "ini", "json", "python", "sh", "text", "yaml"}
LANGUAGES |= {"dockerfile", "nginx"}  # nothing here can run these
#: Programs that a reader is told to run, besides this project's.
PROGRAMS = {"aws", "cd", "curl", "export", "git", "gunicorn", "npm", "java", "pip", "python"}
PROGRAMS |= {"python3", "ruff", "tox", "uwsgi", ".venv/bin/pip", ".venv/bin/python"}
PROGRAMS |= {".venv/bin/tox", ".venv/bin/beaker-dynamodb", "terraform", "pre-commit"}


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_every_block_has_a_tested_language(page: Any) -> None:
    languages = {block.language for block in page.blocks()}
    assert set() == {language for language in languages if language[:1] != "{"} - LANGUAGES


def test_the_test_that_a_block_names_exists() -> None:
    named = {block.tested_by for each in pages() for block in each.blocks() if block.tested_by}
    for test in named:
        path, _, name = test.partition("::")
        assert f"def {name}(" in (ROOT / path).read_text(), test


def test_every_file_that_a_page_names_exists() -> None:
    folders = "tests|beaker_dynamodb|benchmarks|examples|docs"
    missing = [
        (each.name, name)
        for each in pages()
        for name in re.findall(rf"`((?:{folders})/[\w/.]+)`", each.text)
        if not (ROOT / name).exists()
    ]
    assert [] == missing


@pytest.mark.parametrize(
    "name", sorted({block.page for block in blocks("python")}), ids=lambda name: name
)
def test_python(name: str, aws: Endpoint) -> None:
    run_blocks(page(name))


@pytest.mark.parametrize("block", blocks("ini"), ids=str)
def test_ini(block: Block, aws: Endpoint) -> None:
    """Settings of a session or a cache store something."""
    given = settings(block.code)
    sections = {name.partition(".")[0] for name in given}
    assert sections <= {"session", "cache"}, "any other block needs its own test"
    if "session" in sections:
        assert ["1", "2"] == count_visits(SessionMiddleware(visits, given))
    if "cache" in sections:
        cache = CacheManager(**parse_cache_config_options(given)).get_cache("news")
        cache.put("key", "value")
        assert "value" == cache.get("key")
    assert items(aws.client, "myapp-sessions")


@pytest.mark.parametrize("block", [*blocks("json"), *blocks("yaml")], ids=str)
def test_data_parses(block: Block) -> None:
    assert (json.loads if block.language == "json" else yaml.safe_load)(block.code)


def test_every_transcript_has_its_own_test() -> None:
    assert [] == blocks("console")


@pytest.mark.parametrize("block", blocks("sh"), ids=str)
def test_command_lines(block: Block) -> None:
    """Programs and modules exist, and this project's commands accept their arguments."""
    for line in re.sub(r"\\\n", " ", block.code).splitlines():
        for command in line.split("&&"):
            if words := shlex.split(command, comments=True):
                _check(words)


def _check(command: list[str]) -> None:
    program, *arguments = command
    while "=" in program:  # a variable before the command
        program, *arguments = arguments
    if Path(program).name == "beaker-dynamodb":
        _check_arguments([word for word in arguments if word[:1] not in "<>|"])
        return
    assert program in PROGRAMS, program
    if arguments[:1] == ["-m"] and arguments[1].split(".")[0] in ("tests", "benchmarks"):
        assert importlib.util.find_spec(arguments[1]), arguments[1]
    for word in arguments:
        if re.fullmatch(r"(?:examples|tests|benchmarks|docs)/[\w./]+|\w+\.py", word):
            assert (ROOT / word).exists(), word


def _check_arguments(arguments: list[str]) -> None:
    """Check the arguments without running the command."""
    group: click.Command = cli
    context = cli.make_context("beaker-dynamodb", [], resilient_parsing=True)
    while isinstance(group, click.Group):
        name, *arguments = arguments
        found = group.get_command(context, name)
        assert found, name
        group = found
    group.make_context(group.name, arguments, parent=context, resilient_parsing=False)
