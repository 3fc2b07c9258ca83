"""Visitors who are logged in on the old store stay logged in on the new one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.beaker import Browser
from tests.migrate import evening
from tests.migrate.moving import Stores, counts, move, url_of
from tests.servers.endpoint import Endpoint
from tests.sessions.site import ENCRYPTED

CONTENTS = {"user": 42, "basket": [{"sku": "a", "pieces": 2}], "name": "Zoë"}
COPIED = {"found": 1, "copied": 1, "verified": 1}
SETTINGS: dict[str, dict[str, object]] = {
    "pickle": {},
    "json": {"data_serializer": "json"},
    "signed cookie": {"secret": "a secret of the application"},
    "encrypted": ENCRYPTED,
    "encrypted json": {**ENCRYPTED, "data_serializer": "json"},
}


class Visitor:
    """A browser that is logged in on the old store."""

    def __init__(self, old: dict[str, object]) -> None:
        self._browser = Browser(old, timeout=1800)
        self._browser.save(**CONTENTS)
        self._identity = self._browser.visit(identity)

    def stays_logged_in(self, new: dict[str, object]) -> bool:
        """Return whether the new application finds the same session."""
        after = Browser(new, timeout=1800)
        after.web.cookiejar = self._browser.web.cookiejar
        return (self._identity, CONTENTS) == (after.visit(identity), after.contents())


def identity(session: Any) -> tuple[str, float, bool]:
    return session.id, session["_creation_time"], session.is_new


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_every_serializer_and_encryption(settings: dict[str, object], stores: Stores) -> None:
    visitor = Visitor({**stores.old, **settings})
    opaque = {"opaque": 1} if "encrypt_key" in settings else {}
    assert {**COPIED, **opaque} == stores.counts()
    assert visitor.stays_logged_in({**stores.new, **settings})


def test_from_redis(options: dict[str, object], redis_url: str) -> None:
    visitor = Visitor({"type": "ext:redis", "url": redis_url})
    assert COPIED == counts(move(redis_url, options))
    assert visitor.stays_logged_in(options)


@pytest.mark.parametrize(
    ("kind", "url"), [("dbm", "dbm://{}"), ("ext:database", "sqlite:///{}/sessions.db")]
)
def test_from_other_stores(kind: str, url: str, options: dict[str, object], tmp_path: Path) -> None:
    url = url.format(tmp_path)
    visitor = Visitor({"type": kind, "url": url, "data_dir": str(tmp_path)})
    assert COPIED == counts(move(url, options))
    assert visitor.stays_logged_in(options)


@pytest.mark.parametrize("hash_ids", [False, True])
def test_from_another_prefix_and_signing_key(hash_ids: bool, options: dict[str, object]) -> None:
    old = {**options, "prefix": "old", "hash_ids": hash_ids, "signing_keys": "0123456789abcdef"}
    new = {**options, "prefix": "new", "hash_ids": True, "signing_keys": "fedcba9876543210"}
    visitor = Visitor(old)
    Visitor(options)  # another application's session in the same table
    assert COPIED == counts(move(url_of(old), new))
    assert visitor.stays_logged_in(new)


PAGE = Path(__file__).parent.parent.parent / "docs" / "howto" / "move-sessions.md"


@pytest.mark.both_servers
def test_log_outs_stay_and_other_users_stay_logged_in(endpoint: Endpoint, tmp_path: Path) -> None:
    transcript, found = evening.move(tmp_path, endpoint)
    assert {
        "ann": ("ann", ["tea"]),
        "bob": (None, None),
        "cyd": ("cyd", ["tea"]),
        "dan": ("dan", []),
        "eve": ("eve", []),
    } == found
    if endpoint.name == "local":  # moto counts other units
        assert transcript in PAGE.read_text(), "python -m tests.migrate.evening prints it"
