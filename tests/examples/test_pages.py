"""Each example is started as a reader starts it, and visited over HTTP."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import pytest

from tests.examples.command import EXAMPLES, Visitor, running, visits

pytestmark = pytest.mark.full
PYRAMID = "examples/pyramid_app.py"


@pytest.fixture(scope="module", params=[name for name in EXAMPLES if name != "pyramid"])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    with running(f"examples/{request.param}_app.py") as url:
        yield url


@pytest.fixture(scope="module")
def pyramid() -> Iterator[str]:
    with running(PYRAMID) as url:
        yield url


def test_visits_are_counted_per_browser_until_the_log_out(url: str) -> None:
    visitor, other = Visitor(url), Visitor(url)
    counted = [visits(each.get()) for each in (visitor, visitor, other, visitor)]
    assert [1, 2, 1, 3] == counted
    assert 1 == visits(visitor.post("/log-out"))
    assert 2 == visits(other.get())


def test_a_log_out_is_final(url: str) -> None:
    """The old cookie does not lead back to the session."""
    visitor, thief = Visitor(url), Visitor(url)
    visitor.get()
    for cookie in visitor.cookies:
        thief.cookies.set_cookie(copy.copy(cookie))
    assert 2 == visits(thief.get())
    visitor.post("/log-out")
    assert 1 == visits(thief.get())


def test_pyramid_starts_a_session_under_a_new_id_at_the_log_in(pyramid: str) -> None:
    visitor, thief = Visitor(pyramid), Visitor(pyramid)
    assert "Log in" in visitor.get()
    assert 1 == visits(visitor.post("/log-in", user="Ada"))
    for cookie in visitor.cookies:
        thief.cookies.set_cookie(copy.copy(cookie))
    assert 1 == visits(visitor.post("/log-in", user="Ada"))
    assert 0 == visits(thief.get())


@pytest.mark.owasp("7.5.2")
def test_pyramid_lists_where_a_user_is_logged_in(pyramid: str) -> None:
    agents = ["Firefox", "<b>Safari</b>"]
    desktop, phone = (Visitor(pyramid, agent) for agent in agents)
    stranger = Visitor(pyramid, "Stranger")
    stranger.post("/log-in", user="Bob")
    desktop.post("/log-in", user="<i>Grace</i>")
    page = phone.post("/log-in", user="<i>Grace</i>")
    assert "Welcome, &lt;i&gt;Grace" in page
    assert "<td>&lt;b&gt;Safari&lt;/b&gt; <strong>(this browser)</strong>" in page
    assert "<td>Firefox<td>" in page
    assert "Stranger" not in page

    assert "Firefox" not in phone.post("/log-out-others")
    assert ["Log in" in each.get() for each in (desktop, phone, stranger)] == [True, False, False]
    phone.post("/log-out")
    assert "Log in" in phone.get()


def test_turbogears_caches_a_slow_number() -> None:
    with running("examples/turbogears_app.py") as url:
        first, second = (Visitor(url).get().split("cached for a minute: ") for _ in range(2))
    assert first[1] == second[1]


def test_flask_keeps_a_shopping_list() -> None:
    with running("examples/flask_app.py") as url:
        visitor = Visitor(url)
        assert "<li>Nothing yet</li>" in visitor.get()
        visitor.post("/add", item="tea")
        page = visitor.post("/add", item="<b>")
    assert "<ul><li>tea</li><li>&lt;b&gt;</li></ul>" in page
