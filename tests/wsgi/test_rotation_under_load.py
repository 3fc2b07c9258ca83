"""Secrets and signatures are replaced host by host under load, and no visitor is logged out."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
from typing import Any

import pytest

from tests.chaos.watch import secret
from tests.sessions.site import COOKIE, Site, store, values
from tests.wsgi.raw import Options

OLD, NEW = secret("old secret"), secret("new secret")
HOSTS, VISITORS, TABS, CLICKS = 3, 4, 2, 4
#: Middleware and settings of a host.
Stage = tuple[str, dict[str, str]]


class Tab:
    """One of several tabs of a visitor, which share the cookie.

    :param jar: the visitor's Cookie header, by the name "cookie".
    :param name: the key of this tab's counter.
    """

    def __init__(self, user: int, name: str, jar: dict[str, str]) -> None:
        self._user, self._name, self._jar, self._clicks = user, name, jar, 0

    def click(self, site: Site) -> None:
        expected, self._clicks = self._clicks, self._clicks + 1

        def action(session: Any) -> None:
            assert self._user == session.get("user"), "logged out"
            assert expected == session.get(self._name, 0), "lost a click"
            store(**{self._name: expected + 1})(session)

        self._keep(site(action, self._jar["cookie"]).set_cookies)

    def look(self, site: Site) -> None:
        answer = site(lambda session: session.get("user"), self._jar["cookie"])
        assert self._user == answer.result, "logged out"
        self._keep(answer.set_cookies)

    def _keep(self, set_cookies: list[str]) -> None:
        for header in set_cookies:
            self._jar["cookie"] = header.partition(";")[0]


class Fleet:
    """Hosts of one site.

    :param options: what all stages have in common.
    """

    def __init__(self, options: Options, first: Stage) -> None:
        self._options = options
        self._hosts = [self.host(first) for _ in range(HOSTS)]
        self.jars: list[dict[str, str]] = []
        self._tabs = []
        for user in range(VISITORS):
            self.jars.append({"cookie": self._hosts[0](store(user=user)).cookie})
            self._tabs += [Tab(user, f"tab {n}", self.jars[-1]) for n in range(TABS)]

    def host(self, stage: Stage) -> Site:
        middleware, settings = stage
        return Site(middleware, {**self._options, **settings})

    def become(self, stage: Stage) -> None:
        """Replace one host after the other, while each tab clicks and looks at all of them."""
        with ThreadPoolExecutor(VISITORS * TABS + 1) as pool:
            for number in range(HOSTS):
                moves = [pool.submit(self._use, tab, first) for first, tab in enumerate(self._tabs)]
                moves.append(pool.submit(self._replace, number, stage))
                for move in moves:
                    move.result()
            # Each session is written once more before the next stage, as within a timeout.
            for click in [pool.submit(tab.click, self._hosts[0]) for tab in self._tabs]:
                click.result()

    def _replace(self, number: int, stage: Stage) -> None:
        self._hosts[number] = self.host(stage)

    def _use(self, tab: Tab, first: int) -> None:
        moves: cycle[Callable[[Site], None]] = cycle([tab.click, tab.look])
        for number, move in zip(range(first, first + CLICKS), moves, strict=False):
            move(self._hosts[number % HOSTS])


@pytest.mark.full
@pytest.mark.owasp("13.3.4", "11.2.2")
@pytest.mark.parametrize("form", ["sha256-only", "sha256", "beaker"])
def test_a_new_secret_logs_no_user_out(options: Options, form: str) -> None:
    stages: list[Stage] = [
        ("ours", {"cookie_signature": form, **settings})
        for settings in (
            {"secret": OLD},
            {"secret": OLD, "previous_secrets": NEW},
            {"secret": NEW, "previous_secrets": OLD},
            {"secret": NEW},
        )
    ]
    fleet = Fleet({**options, "accept_unsigned": "false"}, stages[0])
    for stage in stages[1:]:
        fleet.become(stage)
    without = fleet.host(("ours", {"cookie_signature": form, "secret": OLD}))
    assert [{}] * VISITORS == [without(values, jar["cookie"]).result for jar in fleet.jars]


@pytest.mark.full
@pytest.mark.owasp("11.2.2", "11.4.1")
def test_new_signatures_log_no_user_out(options: Options) -> None:
    """From Beaker's middleware and SHA-1 to this package's and SHA-256 only."""
    forms = ("beaker", "sha256", "sha256-only")
    fleet = Fleet({**options, "secret": OLD}, ("beaker", {}))
    assert not any("sha256" in jar["cookie"] for jar in fleet.jars)
    for form in forms:
        fleet.become(("ours", {"cookie_signature": form}))
    assert all(jar["cookie"].startswith(f"{COOKIE}=sha256.") for jar in fleet.jars)
