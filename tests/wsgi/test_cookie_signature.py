"""Signed cookies: HMAC-SHA-256, Beaker's SHA-1, and their replacement."""

from __future__ import annotations

import hmac
import secrets
from typing import Any

import pytest
from beaker.session import SignedCookie
from hypothesis import assume, given
from hypothesis import strategies as st

from beaker_dynamodb import ConfigurationError
from beaker_dynamodb.wsgi.cookie_header import new_id
from beaker_dynamodb.wsgi.cookie_signature import CookieSignatures, cookie_signatures
from tests.chaos.watch import secret
from tests.servers.endpoint import DynamoDBClient
from tests.servers.recorder import CallRecorder
from tests.sessions.site import COOKIE, Site, log_out, store, values
from tests.wsgi.raw import Options

OLD, NEW = secret("old"), secret("new")
ID = "0123456789abcdef" * 4
FORMS = ["sha256", "sha256-only", "beaker"]
SHA_256 = f"{COOKIE}=sha256."


def by_beaker(secret: str, value: str) -> str:
    signed: str = SignedCookie(secret).value_encode(value)[1]
    return signed


# -- values -------------------------------------------------------------------------------------


@pytest.mark.owasp("11.4.1")
def test_a_signed_value_stays_valid_in_later_versions() -> None:
    signed = "sha256.0df9705246b2ffa743a96ed722d719ba4b60041ba1737e0fdff3d63dbc74d8b5." + ID
    assert signed == CookieSignatures("a secret", (), "sha256").sign("id", ID)


def test_without_a_secret_values_are_not_signed() -> None:
    signatures = CookieSignatures(None, (), "sha256")
    assert ID == signatures.sign("id", ID)
    assert (ID, True) == signatures.verify("id", ID)


@pytest.mark.parametrize("form", FORMS)
def test_each_form_accepts_what_it_issues(form: str) -> None:
    signatures = CookieSignatures(NEW, (OLD,), form)
    for value in (ID, "a" * 32, f"{ID}.12.1700000000"):
        signed = signatures.sign("id", value)
        assert (value, True) == signatures.verify("id", signed)
        assert (form == "beaker") is (signed == by_beaker(NEW, value))


@pytest.mark.owasp("11.2.2", "11.4.1")
@pytest.mark.parametrize(
    ("form", "accepted"),
    [
        ("sha256", {"new": True, "old": False, "beaker new": False, "beaker old": False}),
        ("sha256-only", {"new": True, "old": False}),
        ("beaker", {"new": False, "old": False, "beaker new": True, "beaker old": False}),
    ],
)
def test_which_signatures_are_accepted_and_which_are_current(
    form: str, accepted: dict[str, bool]
) -> None:
    signed = {
        "new": CookieSignatures(NEW, (), "sha256").sign("id", ID),
        "old": CookieSignatures(OLD, (), "sha256").sign("id", ID),
        "beaker new": by_beaker(NEW, ID),
        "beaker old": by_beaker(OLD, ID),
        "another secret": CookieSignatures(secret("other"), (), "sha256").sign("id", ID),
        "beaker, another secret": by_beaker(secret("other"), ID),
        "unsigned": ID,
    }
    signatures = CookieSignatures(NEW, (OLD,), form)
    verified = {name: signatures.verify("id", value) for name, value in signed.items()}
    found = {name: current for name, (_, current) in filter(all, verified.items())}  # type: ignore[misc]
    assert accepted == found


def test_a_cookie_with_a_different_name_is_refused() -> None:
    signatures = CookieSignatures(NEW, (), "sha256")
    assert signatures.verify("admin", signatures.sign("id", ID)) is None


@pytest.mark.owasp("11.2.5")
@given(st.data(), st.sampled_from(FORMS))
def test_a_changed_value_is_refused(data: st.DataObject, form: str) -> None:
    signatures = CookieSignatures(NEW, (OLD,), form)
    signed = signatures.sign("id", ID)
    begin, end = sorted(data.draw(st.tuples(*[st.integers(0, len(signed))] * 2)))
    other = data.draw(st.text("0123456789abcdef.sha25\xe9-", max_size=5))
    changed = signed[:begin] + other + signed[end:]
    assume(changed != signed)
    assert signatures.verify("id", changed) is None


@given(st.text("0123456789abcdef.sha256~\xe9\u0660") | st.text())
def test_a_made_up_value_is_refused(value: str) -> None:
    for made_up in (value, f"sha256.{value}"):
        assert CookieSignatures(NEW, (OLD,), "sha256").verify("id", made_up) is None


def test_one_form_is_never_mistaken_for_the_other() -> None:
    """Even if one key and one value are signed in both forms."""
    signed = CookieSignatures(NEW, (), "sha256").sign("id", ID)
    for cut in range(len(signed)):
        assert CookieSignatures(NEW, (), "beaker").verify("id", signed[cut:] if cut else "") is None
    assert CookieSignatures(NEW, (), "sha256").verify("id", f"sha256.{by_beaker(NEW, ID)}") is None


@pytest.mark.parametrize(
    ("given_", "message"),
    [
        ((NEW, None, "sha1"), "cookie_signature 'sha1': must be one of sha256, sha256-only"),
        ((NEW, "a,,b", None), "previous_secrets: must not contain an empty secret"),
        ((NEW, 1, None), "previous_secrets: must be a string or a list"),
        ((1, None, None), "secret: must be a string"),
        ((NEW, [1], None), "previous_secrets: must be a string"),
        (("\udc80", None, None), "secret: must not contain surrogates"),
    ],
)
def test_a_wrong_option_is_an_error(given_: tuple[Any, Any, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        cookie_signatures(*given_)


def test_previous_secrets_may_be_a_string_or_a_list() -> None:
    signed = by_beaker(OLD, ID)
    for previous in (f"{OLD}, x", [OLD, "x"], (OLD, "x")):
        assert (ID, False) == cookie_signatures(NEW, previous, None).verify("id", signed)


@pytest.mark.owasp("11.2.4")
def test_a_signature_is_compared_with_every_key_in_constant_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compared: list[str] = []
    real = hmac.compare_digest

    def compare_digest(one: str, other: str) -> bool:
        compared.append(one)
        return real(one, other)

    monkeypatch.setattr(hmac, "compare_digest", compare_digest)
    signatures = CookieSignatures(NEW, (OLD, "another"), "sha256")
    for value in (signatures.sign("id", ID), by_beaker(OLD, ID), f"sha256.{'0' * 64}.{ID}"):
        compared.clear()
        signatures.verify("id", value)
        assert 3 == len(compared)


# -- in requests --------------------------------------------------------------------------------


@pytest.fixture
def signing(options: Options) -> Options:
    return {**options, "secret": NEW}


@pytest.fixture
def by_beakers(signing: Options) -> str:
    return Site("beaker", signing)(store(user="Ada")).cookie


@pytest.mark.owasp("7.2.2", "7.2.3", "11.5.1")
@pytest.mark.parametrize("change", [None, "regenerate_id", "invalidate"])
def test_every_id_is_256_bits_of_the_systems_random_source(
    options: Options, change: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = Site("ours", options)
    cookie = site(store(user="Ada")).cookie if change else ""
    drawn: list[bytes] = []
    real = secrets.token_bytes

    def token_bytes(size: int) -> bytes:
        drawn.append(real(size))
        return drawn[-1]

    monkeypatch.setattr(secrets, "token_bytes", token_bytes)

    def act(session: Any) -> str:
        if change:
            getattr(session, change)()
        store(user="Ada")(session)
        return str(session.id)

    id = bytes.fromhex(site(act, cookie).result)
    assert 32 == len(id)
    assert id in drawn


@pytest.mark.parametrize("kind", ["ext:dynamodb", "file"])
def test_beakers_cookie_is_replaced_at_the_next_write(
    options: Options, kind: str, tmp_path: Any
) -> None:
    signing = {**options} if kind == "ext:dynamodb" else {"type": kind, "data_dir": str(tmp_path)}
    signing["secret"] = NEW
    by_beakers = Site("beaker", signing)(store(user="Ada")).cookie
    site = Site("ours", signing)
    answer = site(store(cart=["tea"]), by_beakers)
    assert answer.cookie.startswith(SHA_256)
    assert [] == site(store(cart=["milk"]), answer.cookie).set_cookies
    only = Site("ours", {**signing, "cookie_signature": "sha256-only"})
    expected = {"user": "Ada", "cart": ["milk"]}
    assert [expected, {}] == [only(values, one).result for one in (answer.cookie, by_beakers)]


def test_a_request_that_writes_nothing_does_not_replace_the_cookie(
    signing: Options, by_beakers: str
) -> None:
    """Otherwise a late read could restore an old id after a login."""
    assert [] == Site("ours", signing)(values, by_beakers).set_cookies
    touched = Site("ours", {**signing, "touch_interval": 0})(values, by_beakers)
    assert touched.cookie.startswith(SHA_256)


def test_a_log_out_with_beakers_cookie_ends_the_session(signing: Options, by_beakers: str) -> None:
    site = Site("ours", signing)
    (header,) = site(log_out, by_beakers).set_cookies
    assert header.startswith(f'{COOKIE}="";')
    assert {} == site(values, by_beakers).result


@pytest.mark.owasp("7.2.1")
def test_a_forged_cookie_costs_no_read(signing: Options, client: DynamoDBClient) -> None:
    site = Site("ours", signing)
    name, _, value = site(store(user="Ada")).cookie.partition("=")
    changed = [
        value[:flip] + ("0" if value[flip] != "0" else "1") + value[flip + 1 :]
        for flip in (7, 40, 80, 100)
    ]
    with CallRecorder(client) as calls:
        for sent in (*changed, value[:-1], new_id()):
            assert {} == site(values, f"{name}={sent}").result
    assert [] == calls.operations
