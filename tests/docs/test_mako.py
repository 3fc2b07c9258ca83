"""Mako's cached parts, as docs/howto/mako.md configures them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import mako.ext.beaker_cache
import pytest

from tests.beaker import items
from tests.docs.pages import page
from tests.servers.endpoint import Endpoint

PAGE = page("docs/howto/mako.md")
FOLDER = '    module_directory="compiled",\n'

Start = Callable[..., Any]


@pytest.fixture
def start(aws: Endpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Start:
    """A function that returns the page's template as a new process would load it."""
    (text,) = (block.code for block in PAGE.blocks("text"))
    (code,) = (block.code for block in PAGE.blocks("python"))
    monkeypatch.chdir(tmp_path)
    Path("templates").mkdir()
    Path("templates/news.html").write_text(text)

    def start(without: str = "", cache_args: dict[str, str] | None = None) -> Any:
        monkeypatch.setattr(mako.ext.beaker_cache, "_beaker_cache", None)
        assert without in code
        names: dict[str, Any] = {}
        exec(code.replace(without, ""), names)
        lookup = names["lookup"]
        lookup.template_args["cache_args"] = cache_args or lookup.template_args["cache_args"]
        return lookup.get_template("/news.html")

    return start


def rendered(template: Any, headline: str) -> str:
    text: str = template.render(slow_query=lambda: [headline])
    return text


def test_a_part_is_rendered_once(start: Start, aws: Endpoint) -> None:
    assert "<li>rain</li>" in rendered(start(), "rain")
    assert "<li>rain</li>" in rendered(start(), "sun")
    assert ["cache:_news_html|render_headlines"] == list(items(aws.client, "myapp-sessions"))
    later = start()
    later.cache.invalidate_def("headlines")
    assert "<li>sun</li>" in rendered(later, "sun")


def test_without_a_module_directory_every_start_renders_again(start: Start) -> None:
    assert "<li>rain</li>" in rendered(start(FOLDER), "rain")
    assert "<li>sun</li>" in rendered(start(FOLDER), "sun")


def test_a_region_fails_with_a_module_directory(start: Start) -> None:
    template = start(cache_args={"region": "short_term"})
    with pytest.raises(TypeError, match="data_dir"):
        rendered(template, "rain")


def test_a_cache_key_replaces_the_name_of_the_part(start: Start, aws: Endpoint) -> None:
    news = Path("templates/news.html")
    keyed = 'cached="True" cache_key="${user_id}" cache_timeout="3600"'
    news.write_text(news.read_text().replace('cached="True"', keyed))
    template = start()
    for user in ("ada", "bob", "ada"):
        template.render(user_id=user, slow_query=list)
    stored = items(aws.client, "myapp-sessions")
    assert ["cache:_news_html|ada", "cache:_news_html|bob"] == sorted(stored)
    lifetimes = [
        float(one["deadline"]["N"]) - float(one["created"]["N"]) for one in stored.values()
    ]
    assert [3600, 3600] == [round(seconds) for seconds in lifetimes]
