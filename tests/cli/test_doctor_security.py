"""What doctor says about the settings of cookies, signatures, lifetimes and users."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from wsgiref.simple_server import demo_app

import pytest

from beaker_dynamodb import ConfigurationError
from beaker_dynamodb.cli.check_security import check_security
from beaker_dynamodb.cli.checks import ERROR, OK, WARNING, Result
from beaker_dynamodb.cli.settings import CACHE, SESSIONS, Settings, load
from beaker_dynamodb.config.parse import parse
from beaker_dynamodb.middleware import SessionMiddleware
from tests.chaos.watch import secret
from tests.cli.conftest import Given, Run

SECRET = secret("of the whole site")
USERS = {"special_keys": "userId:S:index", "user_key": "userId"}


def checked(purpose: str = SESSIONS, **given: Any) -> dict[str, Result]:
    """Return the results for options of this package, by name."""
    return {each.name: each for each in check_security(Settings(parse(given), purpose), {})}


def of_ini(folder: Path, **given: str) -> dict[str, Result]:
    """Return the results for an INI file with these session options, by name."""
    path = folder / "production.ini"
    lines = [f"session.{name} = {value}\n" for name, value in given.items()]
    path.write_text("".join(["[app:main]\nsession.type = ext:dynamodb\n", *lines]))
    return {each.name: each for each in check_security(load({}, ini=str(path)), {})}


GOOD = {
    "key": "__Host-sid",
    "secret": SECRET,
    "cookie_signature": "sha256-only",
    "accept_unsigned": "false",
    "timeout": "1800",
    "absolute_timeout": "28800",
    "max_sessions": "3",
    "on_event": "logging:debug",
    **USERS,
}


ASVS = {
    "cookie flags": ("3.3.1", "3.3.2", "3.3.4"),
    "cookie name": ("3.3.1", "3.3.3"),
    "secret": ("11.2.3",),
    "cookie signature": ("11.4.1",),
    "items signed": ("1.5.2", "11.4.1"),
    "unsigned items": ("1.5.2",),
    "ids in the table": ("14.2.4",),
    "idle timeout": ("7.3.1",),
    "absolute timeout": ("7.3.2",),
    "user sessions": ("7.1.2", "7.4.2"),
    "events": ("16.3.3",),
}
#: Numbers that doctor shows.
REQUIREMENTS = {number for numbers in ASVS.values() for number in numbers}


def test_safe_settings_are_ok_without_advice_and_name_their_requirements(tmp_path: Path) -> None:
    found = of_ini(tmp_path, **GOOD)
    assert [] == [each for each in found.values() if each.status != OK or each.remedy]
    assert ASVS == {name: each.asvs for name, each in found.items()}
    assert "at most 3 for each userId" in found["user sessions"].text


def assert_result(result: Result, status: str, text: str, remedy: str) -> None:
    assert status == result.status
    assert text in result.text
    assert remedy in result.remedy
    assert bool(remedy) is bool(result.remedy)


BOTH = "remove session.httponly and session.secure"


@pytest.mark.parametrize(
    ("given", "status", "text", "remedy"),
    [
        ({}, OK, "HttpOnly, Secure over HTTPS, SameSite=Lax", ""),
        ({"secure": "true"}, OK, "HttpOnly, Secure, SameSite=Lax", ""),
        ({"secure": "false", "httponly": "off"}, WARNING, "not HttpOnly, not Secure", BOTH),
        ({"samesite": ""}, OK, "SameSite=Lax", ""),
        ({"samesite": "Strict"}, OK, "SameSite=Strict", ""),
        ({"samesite": "None"}, WARNING, "HttpOnly, Secure, SameSite=None", "session.samesite"),
        ({"samesite": "lux"}, WARNING, "SameSite=lux", "remove session.samesite"),
        (
            {"key": "__Host-sid", "cookie_path": "/shop"},
            ERROR,
            "browsers drop a cookie with this prefix unless it has cookie_path = /",
            "Correct that, or choose a key without the prefix",
        ),
    ],
)
def test_the_flags_of_the_cookie(
    tmp_path: Path, given: dict[str, str], status: str, text: str, remedy: str
) -> None:
    assert_result(of_ini(tmp_path, **given)["cookie flags"], status, text, remedy)


DOMAIN = {"cookie_domain": "example.org"}
SHARED = "shared with all hosts of example.org"


@pytest.mark.parametrize(
    ("given", "name", "status", "text", "remedy"),
    [
        ({}, "cookie name", WARNING, "'beaker.session.id'", "session.key = __Host-sid"),
        ({"key": "__Secure-sid"}, "cookie name", WARNING, "'__Secure-sid'", "__Host-sid"),
        ({"key": "sid", **DOMAIN}, "cookie name", WARNING, SHARED, "session.key = __Secure-sid"),
        ({"key": "__Secure-sid", **DOMAIN}, "cookie name", OK, f"'__Secure-sid', {SHARED}", ""),
        ({}, "idle timeout", WARNING, "a day after its last write", "set session.timeout"),
        ({"timeout": "900"}, "idle timeout", OK, "900 seconds", ""),
        ({}, "absolute timeout", WARNING, "that stays in use never ends", "set it"),
        ({"absolute_timeout": "900"}, "absolute timeout", OK, "900 seconds after the last", ""),
    ],
)
def test_the_name_of_the_cookie_and_the_timeouts(
    tmp_path: Path, given: dict[str, str], name: str, status: str, text: str, remedy: str
) -> None:
    assert_result(of_ini(tmp_path, **given)[name], status, text, remedy)


@pytest.mark.parametrize(
    "given",
    [
        {"timeout": "-5"},
        {"timeout": "90.5"},
        {"timeout": "900", "save_accessed_time": "false"},
        {"secure": "perhaps"},
    ],
)
def test_a_value_with_which_beaker_does_not_start_is_an_error(
    tmp_path: Path, given: dict[str, str]
) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(given))) as raised:
        SessionMiddleware(demo_app, {f"session.{name}": value for name, value in given.items()})
    result = of_ini(tmp_path, **given)["Beaker's settings"]
    assert ERROR == result.status
    assert f"does not start: {raised.value}" in result.text
    assert "Beaker's settings" not in of_ini(tmp_path, timeout="", samesite="")


def test_settings_without_a_flag_are_not_checked() -> None:
    expected = {"items signed", "ids in the table", "user sessions", "events"}
    assert expected == set(checked())


WEB = {"secret": SECRET}
SIGNED = {"signing_keys": SECRET}
ALL_READ = "are read, so signatures do not protect you"
STRONGER = "secrets.token_urlsafe(32)"


@pytest.mark.parametrize(
    ("given", "name", "status", "text", "remedy"),
    [
        ({}, "items signed", WARNING, "run code", "set session.secret"),
        (WEB, "items signed", OK, "keys derived from session.secret", ""),
        (SIGNED, "items signed", OK, "with signing_keys", ""),
        (WEB, "unsigned items", OK, "only if their data is plain", "accept_unsigned = false"),
        ({**WEB, "accept_unsigned": "true"}, "unsigned items", WARNING, ALL_READ, "remove accept"),
        ({**WEB, "accept_unsigned": "false"}, "unsigned items", OK, "are not read", ""),
        ({**SIGNED, "accept_unsigned": True}, "unsigned items", WARNING, ALL_READ, "remove accept"),
        ({}, "ids in the table", OK, "open the sessions", "set session.secret, or hash_ids"),
        (WEB, "ids in the table", OK, "useless without the cookie's signature", ""),
        ({"hash_ids": "migrate"}, "ids in the table", OK, "hashed, except", "hash_ids = true"),
        ({"hash_ids": True}, "ids in the table", OK, "hashed", ""),
        (WEB, "cookie signature", OK, "SHA-1 is accepted too", "sha256-only"),
        ({**WEB, "cookie_signature": "sha256-only"}, "cookie signature", OK, "SHA-256", ""),
        ({**WEB, "cookie_signature": "beaker"}, "cookie signature", WARNING, "SHA-1", "remove"),
        (WEB, "secret", OK, "at least 16 bytes", ""),
        ({**WEB, "previous_secrets": SECRET}, "secret", OK, "too", "remove previous_secrets"),
        ({**WEB, "previous_secrets": "short"}, "secret", WARNING, "can be guessed", STRONGER),
        ({"secret": "fifteen bytes.."}, "secret", WARNING, "can be guessed", STRONGER),
        ({}, "events", OK, "logged by beaker_dynamodb.events, at level INFO", "set on_event"),
        ({"on_event": print}, "events", OK, "on_event is called, and they are logged", ""),
        ({"on_event": "nowhere:x"}, "events", WARNING, "'nowhere:x' cannot be", "Write module"),
        ({"on_event": "sys:path"}, "events", WARNING, "'sys:path' is not callable", "Name a func"),
    ],
)
def test_what_the_options_protect(
    given: Given, name: str, status: str, text: str, remedy: str
) -> None:
    assert_result(checked(**given)[name], status, text, remedy)


def test_only_items_matter_to_a_cache() -> None:
    given = {**WEB, **SIGNED, "hash_ids": True}
    found = checked(CACHE, **given)
    assert {"items signed", "unsigned items"} == set(found)
    assert_result(found["items signed"], OK, "with signing_keys", "")
    assert_result(found["unsigned items"], OK, "are not read", "")
    assert_result(checked(CACHE, **WEB)["unsigned items"], OK, "are not read", "")
    assert WARNING == checked(CACHE, **given, accept_unsigned=True)["unsigned items"].status
    assert "session.secret does not sign caches" in checked(CACHE)["items signed"].remedy


def test_the_index_of_the_user_key_is_checked(run: Run) -> None:
    flags = ("--special-keys", "userId:S:index", "--user-key", "userId")
    run("create-table")

    def result() -> dict[str, Any]:
        found = json.loads(run("doctor", "--json", *flags).stdout)["checks"]
        (check,) = (each for each in found if each["name"] == "user sessions")
        return dict(check)

    assert (ERROR, ["7.1.2", "7.4.2"]) == (result()["status"], result()["asvs"])
    run("create-table", *flags)
    assert (OK, "no limit for each userId; a revoke misses none") == (
        result()["status"],
        result()["text"],
    )


def test_the_requirements_are_shown_behind_the_text(run: Run) -> None:
    run("create-table")
    shown = run("doctor", "--signing-keys", SECRET).stdout
    line = "ok       items signed          HMAC-SHA-256, with signing_keys (ASVS 1.5.2, 11.4.1)"
    assert line in shown.splitlines()
