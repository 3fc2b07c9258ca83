"""What doctor says about the settings of cookies, signatures, lifetimes and users."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import demo_app

import pytest

from beaker_dynamodb.cli.check_security import check_security
from beaker_dynamodb.cli.checks import ERROR, OK, WARNING, Result
from beaker_dynamodb.cli.settings import CACHE, SESSIONS, Settings, load
from beaker_dynamodb.config.parse import parse
from beaker_dynamodb.middleware import SessionMiddleware
from tests.chaos.watch import secret

if TYPE_CHECKING:
    from tests.cli.conftest import Run

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
        ({}, "absolute timeout", WARNING, "that is used never ends", "set it"),
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
    with pytest.raises(Exception, match=next(iter(given))) as raised:
        SessionMiddleware(demo_app, {f"session.{name}": value for name, value in given.items()})
    result = of_ini(tmp_path, **given)["Beaker's settings"]
    assert ERROR == result.status
    assert f"does not start: {raised.value}" in result.text
    assert "Beaker's settings" not in of_ini(tmp_path, timeout="", samesite="")


@pytest.mark.parametrize(
    ("name", "text", "remedy"),
    [
        ("nowhere:hear", "'nowhere:hear' cannot be imported", "Write module:name"),
        ("sys:path", "'sys:path' is not callable", "Name a function"),
    ],
)
def test_a_function_for_events_that_cannot_be_called_is_a_warning(
    name: str, text: str, remedy: str
) -> None:
    assert_result(checked(on_event=name)["events"], WARNING, text, remedy)


def test_what_flags_cannot_set_is_not_checked() -> None:
    expected = {"items signed", "ids in the table", "user sessions", "events"}
    assert expected == set(checked())


@pytest.mark.parametrize(
    ("given", "signed", "unsigned"),
    [
        ({}, WARNING, None),
        ({"signing_keys": SECRET}, OK, OK),
        ({"signing_keys": SECRET, "accept_unsigned": True}, OK, WARNING),
        ({"secret": SECRET}, OK, OK),
        ({"secret": SECRET, "accept_unsigned": "true"}, OK, WARNING),
    ],
)
def test_unsigned_pickles_are_a_warning(
    given: dict[str, Any], signed: str, unsigned: str | None
) -> None:
    for purpose in (SESSIONS, CACHE):
        found = checked(purpose, **given)
        assert signed == found["items signed"].status
        assert unsigned == (found["unsigned items"].status if unsigned else None)


def test_only_items_matter_to_a_cache() -> None:
    given = {"secret": SECRET, "signing_keys": SECRET, "hash_ids": True}
    assert {"items signed", "unsigned items"} == set(checked(CACHE, **given))
    assert "session.secret does not sign caches" in checked(CACHE)["items signed"].remedy


def test_doctor_advises_to_refuse_unsigned_sessions() -> None:
    assert "accept_unsigned = false" in checked(secret=SECRET)["unsigned items"].remedy
    refused = checked(secret=SECRET, accept_unsigned="false")["unsigned items"]
    assert ("are not read", "") == (refused.text, refused.remedy)


@pytest.mark.parametrize(
    ("given", "name", "status", "remedy"),
    [
        ({}, "cookie signature", OK, "sha256-only"),
        ({"cookie_signature": "sha256-only"}, "cookie signature", OK, ""),
        ({"cookie_signature": "beaker"}, "cookie signature", WARNING, "remove cookie_signature"),
        ({}, "secret", OK, ""),
        ({"previous_secrets": SECRET}, "secret", OK, "remove previous_secrets"),
        ({"previous_secrets": "short"}, "secret", WARNING, "token_urlsafe(32)"),
        ({"secret": "fifteen bytes.."}, "secret", WARNING, "token_urlsafe(32)"),
    ],
)
def test_doctor_reminds_of_weak_and_accepted_signatures(
    given: dict[str, Any], name: str, status: str, remedy: str
) -> None:
    assert_result(checked(**{"secret": SECRET, **given})[name], status, "", remedy)


@pytest.mark.parametrize(
    ("given", "text", "advised"),
    [
        ({}, "open their sessions", True),
        ({"hash_ids": "migrate"}, "hashed, except", True),
        ({"hash_ids": True}, "hashed", False),
        ({"secret": SECRET}, "open nothing without", False),
    ],
)
def test_ids_in_the_table(given: dict[str, Any], text: str, advised: bool) -> None:
    result = checked(**given)["ids in the table"]
    assert (OK, advised) == (result.status, bool(result.remedy))
    assert text in result.text


def test_doctor_says_where_events_are_recorded() -> None:
    logged, called = checked()["events"], checked(on_event=print)["events"]
    assert "logged by beaker_dynamodb.events, at level INFO" == logged.text
    assert "set on_event" in logged.remedy
    assert ("on_event is called, and they are logged", "") == (called.text, called.remedy)


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
