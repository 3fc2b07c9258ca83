"""Settings from INI files, as Paste and Beaker read them, and from flags."""

from __future__ import annotations

from pathlib import Path
from typing import Any

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


def write(folder: Path, content: str) -> str:
    path = folder / "production.ini"
    path.write_text(content)
    return str(path)


@pytest.fixture
def ini(tmp_path: Path) -> str:
    return write(tmp_path, INI)


def test_the_section_with_sessions_in_dynamodb_is_found(ini: str) -> None:
    settings = load({}, ini=ini)
    assert "shop-live" == settings.options.table_name
    assert 1920.0 == settings.options.timeout  # Beaker adds 120 seconds
    assert ("json", "shop") == (settings.beaker["data_serializer"], settings.beaker["key"])


@pytest.mark.parametrize(
    ("flags", "table"),
    [
        ({"table_name": "mine"}, "mine"),
        ({"url": "dynamodb:///mine"}, "mine"),
        ({"url": "dynamodb:///mine", "table_name": "more"}, "more"),
    ],
)
def test_flags_take_precedence(ini: str, flags: dict[str, str], table: str) -> None:
    assert table == load(flags, ini=ini).options.table_name


@pytest.mark.parametrize(
    ("purpose", "section", "table", "prefix"),
    [
        ("cache", "app:main", "shop-cache", None),
        ("cache", "app:other", "sessions", "other:"),
        ("cache.short", None, "shop-short", None),
        ("cache.long", None, "sessions", "{here}:"),
    ],
)
def test_the_settings_of_a_cache_and_its_regions(
    ini: str, purpose: str, section: str | None, table: str, prefix: str | None
) -> None:
    settings = load({}, ini=ini, purpose=purpose, section=section)
    expected = prefix and prefix.format(here=Path(ini).parent)
    assert (table, expected) == (settings.options.table_name, settings.options.prefix)
    assert "cache" == settings.purpose


@pytest.mark.parametrize(
    ("content", "arguments", "said"),
    [
        (
            INI,
            {"purpose": "cache"},
            r"choose one with --section \(migrate: --to-section\): \[app:main\], \[app:other\]",
        ),
        (INI, {"purpose": "cache.none"}, "no section has cache.none.type = ext:dynamodb"),
        (INI, {"section": "nothing"}, r"has no section \[nothing\]; it has \[app:main\]"),
        (INI, {"ini": None, "section": "app:main"}, "pass --ini as well"),
        (INI, {"ini": "missing.ini"}, "missing.ini: No such file"),
        ("no section", {}, "File contains no section headers"),
        ("[a]\nsession.type = dynamodb\nsession.table = %(nowhere)s", {}, "nowhere"),
        ("[a]\nsession.type = dynamodb\nsession.timeout = soon", {}, "session.timeout 'soon'"),
        ("[a]\nsession.type = dynamodb\nsession.tabel = x", {}, "did you mean 'table'"),
    ],
)
def test_errors_name_what_is_wrong(
    tmp_path: Path, content: str, arguments: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigurationError, match=said):
        load({}, **{"ini": write(tmp_path, content), **arguments})


@pytest.mark.parametrize(
    "content",
    [
        "[DEFAULT]\nsession.type = dynamodb\nsession.table = mine\n[a]\n[b]\n",
        "[filter:s]\nuse = egg:beaker-dynamodb#session\nsession.table_name = mine\n",
    ],
)
def test_equal_sections_and_the_paste_filter_need_no_section(tmp_path: Path, content: str) -> None:
    assert "mine" == load({}, ini=write(tmp_path, content)).options.table_name
