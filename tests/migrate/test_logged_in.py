"""A visitor who is logged in on the old store is logged in on the new one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from tests.beaker import Browser
from tests.migrate.moving import counts, move
from tests.sessions.site import ENCRYPTED

if TYPE_CHECKING:
    from pathlib import Path

CONTENTS = {"user": 42, "basket": [{"sku": "a", "pieces": 2}], "name": "Zoë"}

SETTINGS: dict[str, dict[str, object]] = {
    "pickle": {},
    "json": {"data_serializer": "json"},
    "signed cookie": {"secret": "a secret of the application"},
    "encrypted": ENCRYPTED,
    "encrypted json": {**ENCRYPTED, "data_serializer": "json"},
}


def log_in(old: dict[str, object]) -> Browser:
    """Give a browser that is logged in on the old store."""
    browser = Browser(old, timeout=1800)
    browser.save(**CONTENTS)
    return browser


def changes_over(browser: Browser, new: dict[str, object]) -> Browser:
    """Give the same browser's visit of the new application."""
    moved = Browser(new, timeout=1800)
    moved.web.cookiejar = browser.web.cookiejar
    return moved


def identity(session: Any) -> tuple[str, float, bool]:
    """Tell sessions apart."""
    return session.id, session["_creation_time"], session.is_new


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_from_files(
    settings: dict[str, object], options: dict[str, object], tmp_path: Path
) -> None:
    """From Beaker's file backend: same id, same values, with every serializer and encryption."""
    browser = log_in({"type": "file", "data_dir": str(tmp_path), **settings})
    before = browser.visit(identity)

    report = move(f"file://{tmp_path}", {**options, "timeout": 1920})

    after = changes_over(browser, {**options, **settings})
    opaque = {"opaque": 1} if "encrypt_key" in settings else {}
    assert {"found": 1, "copied": 1, "verified": 1, **opaque} == counts(report)
    assert before == after.visit(identity)
    assert CONTENTS == after.contents()


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_from_redis(
    settings: dict[str, object], options: dict[str, object], redis_url: str
) -> None:
    """From a real Redis."""
    browser = log_in({"type": "ext:redis", "url": redis_url, **settings})
    before = browser.visit(identity)

    report = move(redis_url, {**options, "timeout": 1920})

    after = changes_over(browser, {**options, **settings})
    assert (1, 1, 1, True) == (report.found, report.copied, report.verified, report.complete)
    assert before == after.visit(identity)
    assert CONTENTS == after.contents()


def test_from_dbm(options: dict[str, object], tmp_path: Path) -> None:
    """From Beaker's dbm backend, with whatever kind of dbm this Python has."""
    browser = log_in({"type": "dbm", "data_dir": str(tmp_path)})
    before = browser.visit(identity)

    report = move(f"dbm://{tmp_path}", {**options, "timeout": 1920})

    after = changes_over(browser, options)
    assert {"found": 1, "copied": 1, "verified": 1} == counts(report)
    assert (before, CONTENTS) == (after.visit(identity), after.contents())


def test_from_a_database(options: dict[str, object], tmp_path: Path) -> None:
    """From Beaker's ext:database, on SQLite."""
    url = f"sqlite:///{tmp_path}/{uuid4().hex}.db"
    browser = log_in({"type": "ext:database", "url": url, "data_dir": str(tmp_path)})
    before = browser.visit(identity)

    report = move(url, {**options, "timeout": 1920})

    after = changes_over(browser, options)
    assert {"found": 1, "copied": 1, "verified": 1} == counts(report)
    assert (before, CONTENTS) == (after.visit(identity), after.contents())


@pytest.mark.parametrize("hash_ids", [False, True])
def test_from_another_prefix(hash_ids: bool, options: dict[str, object]) -> None:
    """From another prefix of the table, where ids were kept, to one that keeps only digests.

    And from one that has digests already.
    """
    old = {**options, "prefix": "old", "hash_ids": hash_ids, "signing_keys": "0123456789abcdef"}
    new = {**options, "prefix": "new", "hash_ids": True, "signing_keys": "fedcba9876543210"}
    browser = log_in(old)
    before = browser.visit(identity)
    log_in(options)  # somebody else's session, in the same table
    query = "&".join(f"{name}={value}" for name, value in old.items() if name != "table_name")

    report = move(f"dynamodb:///{options['table_name']}?{query}", {**new, "timeout": 1920})

    after = changes_over(browser, new)
    assert {"found": 1, "copied": 1, "verified": 1} == counts(report)
    assert (before, CONTENTS) == (after.visit(identity), after.contents())
