"""Settings from INI files, as Paste and Beaker read them, and from flags."""

from __future__ import annotations

from pathlib import Path

import pytest

from beaker_dynamodb import ConfigurationError
from beaker_dynamodb.cli.settings import load

INI = """
[DEFAULT]
stage = live

[app:main]
use = egg:shop
session.type = ext:dynamodb
session.table = shop-%(stage)s
session.timeout = 1800
session.key = shop
session.secret = very secret
session.data_serializer = json
cache.type = ext:dynamodb
cache.table_name = shop-cache
cache.regions = short, long
cache.short.url = dynamodb://eu-west-1/shop-short
cache.short.expire = 60
cache.long.prefix = %(here)s

[app:other]
beaker.session.type = file
beaker.cache.type = dynamodb
beaker.cache.prefix = other

[formatter_generic]
format = %(asctime)s %(message)s
"""


@pytest.fixture
def ini(tmp_path: Path) -> str:
    """An INI file with two applications."""
    path = tmp_path / "production.ini"
    path.write_text(INI)
    return str(path)


def test_the_section_with_sessions_in_dynamodb_is_found(ini: str) -> None:
    """Without --section it is the one that says so; values of [DEFAULT] are filled in."""
    settings = load({}, ini=ini)
    assert "shop-live" == settings.options.table_name


def test_a_sessions_timeout_is_the_one_that_beaker_hands_on(ini: str) -> None:
    """`session.timeout` has Beaker's 120 seconds on top; the other settings of Beaker's go by."""
    settings = load({}, ini=ini)
    assert 1920.0 == settings.options.timeout
    assert ("json", "shop") == (settings.beaker["data_serializer"], settings.beaker["key"])


def test_flags_win(ini: str) -> None:
    """A flag wins over the file, whichever of its names the file uses; and so does a url."""
    assert "mine" == load({"table_name": "mine"}, ini=ini).options.table_name
    assert "mine" == load({"url": "dynamodb:///mine"}, ini=ini).options.table_name
    given = {"url": "dynamodb:///mine", "table_name": "more"}
    assert "more" == load(given, ini=ini).options.table_name


@pytest.mark.parametrize(
    ("purpose", "section", "table", "prefix"),
    [
        ("cache", "app:main", "shop-cache", None),
        ("cache", "app:other", "sessions", "other:"),
        ("cache.short", None, "shop-short", None),
    ],
)
def test_the_settings_of_a_cache(
    ini: str, purpose: str, section: str | None, table: str, prefix: str | None
) -> None:
    """A cache's settings, and a region's own: `cache.` and `beaker.cache.` are the same."""
    settings = load({}, ini=ini, purpose=purpose, section=section)
    assert (table, prefix) == (settings.options.table_name, settings.options.prefix)
    assert "cache" == settings.purpose


def test_here_is_the_files_folder(ini: str) -> None:
    """`%(here)s` is the folder of the file, as in Paste."""
    settings = load({}, ini=ini, purpose="cache.long")
    assert f"{Path(ini).parent}:" == settings.options.prefix


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"purpose": "cache"}, r"choose one with --section: \[app:main\], \[app:other\]"),
        ({"purpose": "cache.none"}, r"no section has cache.none.type = ext:dynamodb"),
        ({"section": "nothing"}, r"has no section \[nothing\], but \[app:main\]"),
    ],
)
def test_what_cannot_be_chosen_is_explained(ini: str, arguments: dict[str, str], said: str) -> None:
    """Several sections, or none: the error names them."""
    with pytest.raises(ConfigurationError, match=said):
        load({}, ini=ini, **arguments)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("no section", "File contains no section headers"),
        ("[a]\nsession.type = dynamodb\nsession.table = %(nowhere)s", "nowhere"),
        ("[a]\nsession.type = dynamodb\nsession.timeout = soon", "session.timeout 'soon'"),
        ("[a]\nsession.type = dynamodb\nsession.tabel = x", "did you mean 'table'"),
    ],
)
def test_a_bad_file_is_explained(tmp_path: Path, text: str, said: str) -> None:
    """What is wrong in a file is said with the name that is in it."""
    path = tmp_path / "bad.ini"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=said):
        load({}, ini=str(path))


def test_a_file_that_is_not_there_and_a_section_without_file() -> None:
    """Both are errors of the command line."""
    with pytest.raises(ConfigurationError, match=r"nowhere.ini: No such file"):
        load({}, ini="nowhere.ini")
    with pytest.raises(ConfigurationError, match="give --ini as well"):
        load({}, section="app:main")


def test_sections_that_say_the_same_are_one(tmp_path: Path) -> None:
    """Settings that all sections share through [DEFAULT] need no --section."""
    path = tmp_path / "shared.ini"
    path.write_text("[DEFAULT]\nsession.type = dynamodb\nsession.table = all\n[a]\n[b]\n")
    assert "all" == load({}, ini=str(path)).options.table_name


def test_our_paste_filter_needs_no_type(tmp_path: Path) -> None:
    """A section that uses our filter keeps its sessions here."""
    path = tmp_path / "filter.ini"
    path.write_text("[filter:s]\nuse = egg:beaker-dynamodb#session\nsession.table_name = mine\n")
    assert "mine" == load({}, ini=str(path)).options.table_name
