"""Whatever a visitor does, the session lives exactly as long as its timeouts say."""

from __future__ import annotations

import time
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from beaker_dynamodb import DynamoDBSession
from beaker_dynamodb.config.beaker_settings import BEAKER_SLACK_SECONDS
from tests.clock import Clock
from tests.sessions.driven import Visitor, save
from tests.sessions.lifetimes import ABSOLUTE, LIFE, touch

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

ACTS = ["touch", "change", "log in", "another id", "clear", 60.0, 2.0 * LIFE, 2.0 * ABSOLUTE, None]
WAITS = [0, 1, 6, 90, 600, LIFE, LIFE + 1, ABSOLUTE // 2, ABSOLUTE]


@dataclass
class Model:
    """The times of one session, in epoch seconds.

    :param accessed: last access, as far as it was written.
    :param start: of the absolute timeout.
    """

    accessed: float
    start: float
    timeout: float = LIFE

    def alive(self, now: float) -> bool:
        return now - self.accessed <= self.timeout and now - self.start < ABSOLUTE

    @property
    def deadline(self) -> float:
        return min(self.accessed + self.timeout, self.start + ABSOLUTE) + BEAKER_SLACK_SECONDS

    def act(self, act: Any, now: float) -> None:
        interval = min(LIFE * 0.05, self.timeout * 0.1)
        if act == "touch" and now - self.accessed < interval:
            return
        self.accessed = now
        if act == "log in":
            self.start = now
        elif act == "clear":
            self.timeout = LIFE
        elif act is None or isinstance(act, float):
            self.timeout = act or LIFE


def do(session: Any, act: Any, number: int) -> None:
    if act == "touch":
        touch(session)
        return
    if act == "log in":
        session.logged_in()
    elif act == "another id":
        session.regenerate_id()
    elif act == "clear":
        session.clear()
    elif act != "change":
        session.set_timeout(act)
    save(session, n=number)


@pytest.mark.full
@settings(max_examples=200, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(st.sampled_from(WAITS), st.sampled_from(ACTS)), max_size=12))
def test_a_session_lives_as_long_as_its_timeouts_say(
    here: DynamoDBClient, monkeypatch: pytest.MonkeyPatch, steps: list[tuple[int, Any]]
) -> None:
    clock = Clock()
    monkeypatch.setattr("beaker.session.time", SimpleNamespace(time=clock, strftime=time.strftime))
    options = {
        "client": here,
        "table_name": "lifetimes",
        "timeout": LIFE,
        "absolute_timeout": ABSOLUTE,
        "clock": clock,
    }
    visitor = Visitor(options, DynamoDBSession)
    visitor.starts(n=-1)
    model = Model(clock.now, clock.now)
    for number, (wait, act) in enumerate(steps):
        clock.advance(wait)
        session = visitor.request()
        assert model.alive(clock.now) is not session.is_new
        if session.is_new:
            return
        do(session, act, number)
        visitor.id = session.id
        model.act(act, clock.now)
        key = {"id": {"S": f"sess:{session.id}"}}
        item = here.get_item(TableName="lifetimes", Key=key)["Item"]
        assert model.deadline == float(item["deadline"]["N"])
