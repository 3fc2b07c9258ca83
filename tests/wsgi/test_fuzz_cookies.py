"""Any ``Cookie`` header gives a session of its own, and no exception."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.chaos.inputs import FUZZ, keys_sent, namespace_of
from tests.chaos.scripted import dynamodb_here
from tests.servers.recorder import CallRecorder
from tests.sessions.site import COOKIE, Site, store, values

if TYPE_CHECKING:
    from collections.abc import Iterator

    from types_boto3_dynamodb import DynamoDBClient

# A WSGI server passes bytes decoded as Latin-1 (PEP 3333).
LATIN = st.text(st.characters(max_codepoint=255), max_size=60)
QUOTED = LATIN.map(lambda text: '"' + "".join(f"\\{ord(c):03o}" for c in text) + '"')
VALUES = LATIN | QUOTED | st.sampled_from(["", '"', "\\", "x" * 5000, "%30123", "|lock|a|b"])
NAMES = st.just(COOKIE) | LATIN | st.sampled_from(["a[b]", "expires", "$Version", "path", ""])
HEADERS = LATIN | st.lists(st.tuples(NAMES, VALUES).map("=".join), min_size=1, max_size=4).flatmap(
    lambda parts: st.sampled_from(["; ", ";", ",", " "]).map(lambda glue: glue.join(parts))
)
SETTINGS: list[dict[str, object]] = [
    {},
    {"secret": "a secret"},
    {"hash_ids": True},
    {"cookie_domain": "example.org", "samesite": "Strict", "httponly": True, "secure": True},
]


@pytest.fixture(scope="module")
def here() -> Iterator[DynamoDBClient]:
    with dynamodb_here() as client:
        yield client


@pytest.mark.owasp("Manage Session ID as Any Other User Input")
@pytest.mark.full
@FUZZ
@given(setting=st.sampled_from(SETTINGS), header=HEADERS)
@example(setting={}, header=f"{COOKIE}[=1; {COOKIE}=2")
@example(setting={}, header="0=;$")
@example(setting={"secret": "a secret"}, header=f"{COOKIE}=" + "0" * 40)
def test_any_header(here: DynamoDBClient, setting: dict[str, object], header: str) -> None:
    site = Site("ours", {"client": here, "table_name": "fuzzed-cookies", **setting})

    def take_over(session: Any) -> tuple[str, dict[str, Any]]:
        found = values(session)
        store(user="attacker")(session)
        return session.id, found

    with CallRecorder(here) as calls:
        answer = site(take_over, header)
    session_id, found = answer.result
    assert {} == found
    assert {"user": "attacker"} == site(values, answer.cookie).result
    keys = [*keys_sent(calls)]
    assert len(keys) in (1, 2)
    if "hash_ids" not in setting:
        written = keys[-1]
        assert session_id.encode() == namespace_of(written, "sess:")
