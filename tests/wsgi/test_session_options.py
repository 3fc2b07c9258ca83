"""The session options are checked when the middleware or the Pyramid include is built."""

from __future__ import annotations

import importlib.metadata
import sys
from typing import Any

import pytest
from beaker.cache import cache_regions, clsmap
from pyramid.config import Configurator

from beaker_dynamodb import ConfigurationError, DynamoDBNamespaceManager
from beaker_dynamodb.middleware import SessionMiddleware, session_filter_factory
from tests.sessions.site import store
from tests.wsgi.raw import Options, page, send, wrap

WRONG = [
    ({"type": "dynamo"}, "session.type 'dynamo' does not exist; the types are cookie, "),
    ({"secret": ""}, "session.secret is empty"),
    ({"encrypt_key": " "}, "session.encrypt_key is empty"),
    ({"signing_keys": ""}, "signing_keys is empty"),
    ({"tabel_name": "x"}, "did you mean 'table_name'"),
    ({"read_timeout": "soon"}, "option read_timeout 'soon'"),
    ({"secure": "perhaps"}, r"option session\.secure 'perhaps': "),
    ({"timeout": "soon"}, r"session\.timeout 'soon': "),
    ({"invalidate_corrupt": "x"}, r"option session\.invalidate_corrupt 'x': must be true or false"),
    ({"data_serializer": "xml"}, r"option session\.data_serializer 'xml': must be json or pickle"),
    ({"previous_secrets": "a"}, r"previous_secrets is set without session\.secret"),
    # Cookies that browsers drop.
    ({"key": "__Host-sid", "secure": "false"}, "unless it has secure = true"),
    ({"key": "__Secure-sid", "secure": False}, "unless it has secure = true"),
    ({"key": "__Host-sid", "cookie_domain": "example.org"}, "no session.cookie_domain"),
    ({"key": "__HOST-sid", "cookie_path": "/shop"}, "cookie_path = /"),
]


@pytest.mark.owasp("3.3.3")
@pytest.mark.parametrize(("options", "message"), WRONG)
def test_a_wrong_option_is_an_error_at_start(options: dict[str, Any], message: str) -> None:
    settings = {f"session.{name}": value for name, value in options.items()}
    for build in (
        lambda: SessionMiddleware(object(), settings),  # type: ignore[arg-type]
        lambda: SessionMiddleware(object(), **options),  # type: ignore[arg-type]
        lambda: session_filter_factory({}, **options)(object()),  # type: ignore[arg-type]
        lambda: Configurator(settings=settings).include("beaker_dynamodb.pyramid"),
    ):
        with pytest.raises(ConfigurationError, match=message):
            build()


def test_a_wrong_option_of_a_cache_region_is_an_error_when_pyramid_starts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(cache_regions, "checked_at_start", {})  # removed afterwards
    settings = {
        "cache.regions": "checked_at_start",
        "cache.checked_at_start.type": "ext:dynamodb",
        "cache.checked_at_start.read_timeout": "soon",
    }
    with pytest.raises(ConfigurationError, match="option read_timeout 'soon'"):
        Configurator(settings=settings).include("beaker_dynamodb.pyramid")
    settings["cache.checked_at_start.expire"] = "soon"
    with pytest.raises(ConfigurationError, match="a cache region's option: expire must be"):
        Configurator(settings=settings).include("beaker_dynamodb.pyramid")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("auto", "perhaps", r"option session\.auto 'perhaps': "),
        ("cookie_expires", "soon", r"option session\.cookie_expires 'soon': "),
    ],
)
def test_a_wrong_value_for_beaker_names_the_option(name: str, value: object, message: str) -> None:
    for prefix in ("session.", "beaker.session."):
        with pytest.raises(ConfigurationError, match=message):
            SessionMiddleware(object(), {f"{prefix}{name}": value})  # type: ignore[arg-type]


def test_beakers_options_must_fit_together() -> None:
    settings = {"session.timeout": "900", "session.save_accessed_time": "false"}
    with pytest.raises(ConfigurationError, match="save_accessed_time must be true to use timeout"):
        SessionMiddleware(object(), settings)  # type: ignore[arg-type]


def test_an_empty_setting_is_not_set() -> None:
    for name in ("cookie_domain", "lock_dir", "url", "prefix", "schema_name"):
        SessionMiddleware(object(), {f"session.{name}": ""})  # type: ignore[arg-type]
        Configurator(settings={f"session.{name}": ""}).include("beaker_dynamodb.pyramid")


def test_options_of_other_backends_do_not_matter() -> None:
    extra: dict[str, Any] = {"validate_key": "x", "schema_name": None, "sa_opts": {}}
    for kind in ("memory", "cookie", "ext:dynamodb"):
        SessionMiddleware(object(), type=kind, **extra)  # type: ignore[arg-type]


@pytest.fixture
def frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beaker in a program without the metadata of installed packages."""
    monkeypatch.setattr(clsmap, "initialized", False)
    monkeypatch.setattr(clsmap, "_clsmap", {})
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda **_: [])
    monkeypatch.setitem(sys.modules, "pkg_resources", None)


@pytest.mark.parametrize("kind", ["ext:dynamodb", "dynamodb", ""])
@pytest.mark.usefixtures("frozen")
def test_the_metadata_of_installed_packages_is_not_searched(options: Options, kind: str) -> None:
    app = wrap(page(store(name="Ada")), {**options, "type": kind})
    assert "200 OK" == send(app).status
    assert not clsmap.initialized


@pytest.mark.usefixtures("frozen")
def test_the_pyramid_include_registers_the_backend_for_caches(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(cache_regions, "frozen", {})  # removed afterwards
    settings = {"cache.regions": "frozen", "cache.frozen.type": "ext:dynamodb"}
    Configurator(settings=settings).include("beaker_dynamodb.pyramid")
    assert clsmap["ext:dynamodb"] is DynamoDBNamespaceManager
