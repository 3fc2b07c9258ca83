"""Reading the Cookie header: exactly what a browser sends under a name, in linear work."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beaker_dynamodb.wsgi.cookie_header import cookie_values

OURS = "id=0123"

#: Cookies of other programs, as they have been seen in the field.
OTHERS = [
    'p={"a": 1}',
    "p=a b",
    "p=\xe9",
    "p",
    "=x",
    "",
    'p="unterminated',
    'p="\\',
    "a[0]=1",
    "a@b=1",
    "p=1,2",
    "expires=Mon, 01 Jan 2035",
    "path=/",
    "$Version=1",
    "p=\0",
    "p=a=b",
    "(p)=<x>",
    "ID=4567",
    "id.=4567",
    "p=id=4567",
    "p= id=4567",
    'p="id=4567"',
]

# What a browser puts into a header: anything but the separator, decoded as Latin-1 (PEP 3333).
LATIN = st.text(st.characters(max_codepoint=255, exclude_characters=";"), max_size=20)
NAMES = st.just("id") | LATIN.filter(lambda text: "=" not in text and text.strip(" \t") == text)
VALUES = LATIN.filter(lambda text: text.strip(' \t"') == text)


@pytest.mark.parametrize("other", OTHERS)
def test_another_programs_cookie_hides_nothing(other: str) -> None:
    assert ["0123"] == cookie_values(f"{other}; {OURS}", "id")
    assert ["0123"] == cookie_values(f"{OURS}; {other}", "id")
    assert ["0123"] == cookie_values(f"{OURS};{other}", "id")


@pytest.mark.parametrize("header", [None, "", ";", "id", "ID=1", "xid=1", "id[=1", "p=1,id=2"])
def test_no_cookie_of_that_name(header: str | None) -> None:
    assert [] == cookie_values(header, "id")


def test_every_value_in_order() -> None:
    assert ["1", "2", ""] == cookie_values("id=1; p=3; id=2; id=", "id")


def test_quotes_around_a_value_are_removed() -> None:
    assert ["0123", '"', "", 'a"'] == cookie_values('id="0123"; id="; id=""; id=a"', "id")


@given(st.lists(st.tuples(NAMES, VALUES)))
def test_found_exactly_as_a_browser_sent_it(cookies: list[tuple[str, str]]) -> None:
    header = "; ".join(f"{name}={value}" for name, value in cookies)
    assert [value for name, value in cookies if name == "id"] == cookie_values(header, "id")
