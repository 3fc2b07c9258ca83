"""What our middleware says about its configuration when it is made."""

from __future__ import annotations

import logging

import pytest

from beaker_dynamodb.middleware import SessionMiddleware


@pytest.mark.parametrize(
    ("options", "warnings"),
    [
        ({"samesite": "None"}, 1),
        ({"samesite": "none", "secure": "false"}, 1),
        ({"samesite": "None", "secure": "true"}, 0),
        ({"samesite": "Lax"}, 0),
        ({"samesite": None}, 0),
        ({}, 0),
    ],
)
def test_a_cookie_that_browsers_drop_is_a_warning_at_start(
    caplog: pytest.LogCaptureFixture, options: dict[str, object], warnings: int
) -> None:
    with caplog.at_level(logging.WARNING):
        SessionMiddleware(lambda *_: [], {f"session.{k}": v for k, v in options.items()})
    assert warnings == sum("SameSite=None" in message for message in caplog.messages)
