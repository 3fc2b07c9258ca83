"""The documentation: its code blocks run, and its tables match the code."""

from __future__ import annotations

from configparser import ConfigParser
from typing import Any

from webtest import TestApp

from tests.docs.pages import Page


def run_blocks(page: Page, heading: str | None = None) -> dict[str, Any]:
    """Run a page's Python blocks in order, in one namespace, and return its names.

    Blocks with their own test are left out, unless ``heading`` selects them.
    """
    names: dict[str, Any] = {"__name__": __name__}  # Pyramid looks for the caller's module
    for block in page.blocks("python", heading):
        if heading or not block.tested_by:
            # Add blank lines above the block, so that a traceback names the line of the page.
            exec(compile("\n" * block.line + block.code, page.name, "exec"), names)
    return names


def settings(ini: str) -> dict[str, str]:
    parser = ConfigParser(interpolation=None)
    parser.read_string(ini if ini.lstrip().startswith("[") else f"[app:main]\n{ini}")
    return dict(parser[parser.sections()[0]])


def count_visits(application: Any) -> list[str]:
    browser = TestApp(application)
    return [browser.get("/").text for _ in range(2)]


def visits(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    session = environ["beaker.session"]
    session["visits"] = session.get("visits", 0) + 1
    session.save()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(session["visits"]).encode()]


def visits_factory(global_conf: dict[str, str]) -> Any:
    return visits
