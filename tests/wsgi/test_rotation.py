"""Secrets and signatures are replaced host by host, and no visitor is logged out."""

from __future__ import annotations

import pytest

from tests.chaos.watch import secret
from tests.sessions.site import COOKIE, Site, store, values
from tests.wsgi.raw import Options

OLD, NEW = secret("old secret"), secret("new secret")
HOSTS = 3
#: Middleware and settings of a host.
Stage = tuple[str, dict[str, str]]


class Fleet:
    """Hosts of one site, and a visitor who uses all of them.

    :param options: what all stages have in common.
    """

    def __init__(self, options: Options, first: Stage) -> None:
        self._options = options
        self._hosts = [self.host(first) for _ in range(HOSTS)]
        self.cookie = self._hosts[0](store(user="Ada", visits=0)).cookie
        self._visits = 0

    def host(self, stage: Stage) -> Site:
        middleware, settings = stage
        return Site(middleware, {**self._options, **settings})

    def become(self, stage: Stage) -> None:
        """Replace one host after the other; the visitor uses all of them after each step."""
        for number in range(HOSTS):
            self._hosts[number] = self.host(stage)
            for host in self._hosts:
                self._visit(host)

    def _visit(self, host: Site) -> None:
        """Read and write; then finish a request that was sent with the earlier cookie."""
        earlier = self.cookie
        assert {"user": "Ada", "visits": self._visits} == host(values, earlier).result
        self._visits += 1
        for header in host(store(visits=self._visits), earlier).set_cookies:
            self.cookie = header.partition(";")[0]
        assert {"user": "Ada", "visits": self._visits} == host(values, earlier).result


@pytest.mark.owasp("13.3.4", "11.2.2")
@pytest.mark.parametrize("form", ["sha256-only", "sha256", "beaker"])
def test_a_new_secret_logs_nobody_out(options: Options, form: str) -> None:
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
    assert {} == without(values, fleet.cookie).result


@pytest.mark.owasp("11.2.2", "11.4.1")
def test_new_signatures_log_nobody_out(options: Options) -> None:
    """From Beaker's middleware and SHA-1 to this package's and SHA-256 only."""
    fleet = Fleet({**options, "secret": OLD}, ("beaker", {}))
    assert "sha256" not in fleet.cookie
    for form in ("beaker", "sha256", "sha256-only"):
        fleet.become(("ours", {"cookie_signature": form}))
    assert fleet.cookie.startswith(f"{COOKIE}=sha256.")
