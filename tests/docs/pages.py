"""The pages of the documentation, and their code blocks."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from markdown_it import MarkdownIt

ROOT = Path(__file__).parent.parent.parent
#: ``<!-- tested by tests/docs/test_x.py::test_name -->`` above a block.
_TESTED_BY = re.compile(r"<!-- tested by (\S+) -->\s*$")


@dataclass(frozen=True)
class Block:
    """A fenced code block.

    :param page: file name of the page, relative to the repository.
    :param line: line number of the opening fence.
    :param heading: text of the closest heading above it.
    :param language: first word of the fence, such as ``python`` or ``{toctree}``.
    :param tested_by: the test that covers it instead of the general ones, or None.
    """

    page: str
    line: int
    heading: str
    language: str
    code: str
    tested_by: str | None

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


@dataclass(frozen=True)
class Page:
    path: Path

    @property
    def name(self) -> str:
        return str(self.path.relative_to(ROOT))

    @cached_property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    def blocks(self, language: str | None = None, heading: str | None = None) -> list[Block]:
        """Return the code blocks in order, those of one language or below one heading."""
        return [
            block
            for block in self._all_blocks
            if language in (None, block.language) and heading in (None, block.heading)
        ]

    @cached_property
    def _all_blocks(self) -> list[Block]:
        lines = self.text.splitlines()
        blocks, heading, in_heading = [], "", False
        for token in MarkdownIt().parse(self.text):
            if token.type == "heading_open":
                in_heading = True
            elif token.type == "inline" and in_heading:
                heading, in_heading = token.content, False
            elif token.type == "fence" and token.map:
                above = "\n".join(lines[max(0, token.map[0] - 2) : token.map[0]])
                marker = _TESTED_BY.search(above)
                block = Block(
                    page=self.name,
                    line=token.map[0] + 1,
                    heading=heading,
                    language=token.info.split()[0] if token.info.strip() else "",
                    code=token.content,
                    tested_by=marker[1] if marker else None,
                )
                blocks.append(block)
        return blocks


@cache
def page(name: str) -> Page:
    """Return a page by its file name, relative to the repository."""
    return Page(ROOT / name)


@cache
def pages() -> list[Page]:
    """Return all pages: those of the site, and those at the top of the repository."""
    found = [*ROOT.glob("*.md"), *ROOT.glob("examples/*.md"), *ROOT.glob("docs/**/*.md")]
    return [page(str(path.relative_to(ROOT))) for path in sorted(found)]


def blocks(language: str) -> list[Block]:
    """Return the blocks of one language on all pages, without those that another test covers."""
    return [block for each in pages() for block in each.blocks(language) if not block.tested_by]


def table(name: str) -> str:
    """Return the text between ``<!-- name -->`` and ``<!-- /name -->``, wherever it is."""
    (found,) = (each for each in pages() if f"<!-- {name} -->" in each.text)
    return found.text.split(f"<!-- {name} -->\n")[1].split(f"\n<!-- /{name} -->")[0].strip("\n")
