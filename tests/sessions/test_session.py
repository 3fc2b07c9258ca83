"""What a session does besides saving: warnings, flags and cookies."""

from __future__ import annotations

from typing import Any

import pytest
from beaker.exceptions import BeakerWarning

from beaker_dynamodb.session import DynamoDBSession
from tests.servers.endpoint import Endpoint
from tests.sessions.driven import Visitor, stored_sessions


def damage(endpoint: Endpoint, visitor: Visitor) -> None:
    table = visitor.options["table_name"]
    (item,) = stored_sessions(endpoint.client, table)
    endpoint.client.put_item(TableName=table, Item={**item, "data": {"B": b"\x80\x02garbage"}})


def test_the_warning_about_a_corrupt_session_shows_its_digest_the_error_and_the_caller(
    moved: dict[str, Any], endpoint: Endpoint
) -> None:
    visitor = Visitor({**moved, "invalidate_corrupt": True}, DynamoDBSession)
    session = visitor.starts(a=1)
    digest = session._record.digest
    damage(endpoint, visitor)
    with pytest.warns(BeakerWarning) as caught:
        session.load()
    (warning,) = caught
    start, _, end = str(warning.message).partition("UnpicklingError")
    assert (
        f"Invalidating corrupt session {digest} (hashed); error was: "
        "cannot decode a session's payload: "
    ) == start
    assert ". Set invalidate_corrupt=False to propagate this exception." == end
    assert __file__ == warning.filename
