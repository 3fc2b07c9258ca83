"""Compare sessions with an exact model: requests in any order, any call may fail."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from beaker.session import Session
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from beaker_dynamodb import DynamoDBSession
from beaker_dynamodb.items.keys import session_digest
from beaker_dynamodb.sessions import events
from beaker_dynamodb.sessions.events import SessionEvent
from tests.chaos.inputs import HOW_MANY
from tests.chaos.scripted import PLANS, Machine, run_model
from tests.clock import Clock
from tests.format.tables import beaker_at
from tests.sessions.driven import Visitor, stored_sessions
from tests.sessions.model import INTERVAL, LIFE, Request, Table
from tests.sessions.site import ENCRYPTED

WHICH = st.integers(0, 5)
KEYS = st.sampled_from("abc")


class Sessions(Machine):
    """Requests on a few sessions. Each rule is one step of a request."""

    session_class: type[Any]
    more: dict[str, object]

    def __init__(self) -> None:
        super().__init__()
        self.table = Table()
        self.ids: list[str] = []
        self.requests: list[Request] = []
        self.reported: list[SessionEvent] = []
        #: Ids of sessions that ended in steps that failed.
        self.unacknowledged: list[str] = []
        self.tick(0)

    @property
    def ours(self) -> bool:
        return self.session_class is DynamoDBSession

    def tick(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.table.now_ms = int(self.clock.now * 1000)

    def pick(self, which: int) -> Request:
        return self.requests[which % len(self.requests)]

    # -- requests -----------------------------------------------------------------------------

    @precondition(lambda self: len(self.requests) < 5)
    @rule(which=st.none() | WHICH, plan=PLANS)
    def begin(self, which: int | None, plan: list[str]) -> None:
        """Begin a request without an id, or with one that was issued before."""
        id = self.ids[which % len(self.ids)] if which is not None and self.ids else None
        options = {
            "client": self.client,
            "table_name": self.table_name,
            "clock": self.clock,
            "url": f"dynamodb://?timeout={LIFE}",
            "touch_interval": INTERVAL,
            "on_event": self.reported.append,
        }
        visitor = Visitor({**options, **self.more}, self.session_class)
        visitor.id = id
        made: list[Any] = []
        if not self.attempt(plan, lambda: made.append(visitor.request())):
            return
        (session,) = made
        found = None if id is None else self.table.find(id)
        base = dict(found.data) if found else None
        request = Request(session, session.id, base, found, looked=id is not None)
        self.requests.append(request)
        assert (base or {}, found is None) == (request.mine, session.is_new)
        assert id in (None, session.id)

    def know(self, id: str) -> None:
        """Add an id that later requests may use: a browser gets it only with a save."""
        if id not in self.ids:
            self.ids.append(id)

    @precondition(lambda self: self.requests)
    @rule(which=WHICH, key=KEYS)
    def change(self, which: int, key: str) -> None:
        request = self.pick(which)
        if not request.deleted:
            request.session[key] = self.table.number()

    @precondition(lambda self: self.requests)
    @rule(which=WHICH, key=KEYS)
    def drop(self, which: int, key: str) -> None:
        self.pick(which).session.pop(key, None)

    @precondition(lambda self: self.requests)
    @rule(which=WHICH, plan=PLANS, other=st.none() | WHICH)
    def save(self, which: int, plan: list[str], other: int | None) -> None:
        """Save. Another request may save just before the write."""
        request = self.pick(which)
        meddler = None if other is None else self.pick(other)

        def meddle() -> None:
            if meddler is not None and meddler is not request and not meddler.deleted:
                meddler.session["m"] = self.table.number()
                self.save_now(meddler, [])

        self.save_now(request, plan, meddle)

    def save_now(
        self, request: Request, plan: list[str], meddle: Callable[[], None] | None = None
    ) -> None:
        if request.deleted:
            self.save_deleted(request, plan)
            return
        mine = request.mine
        changed = mine != request.base
        self.know(request.id)
        acknowledged = self.attempt(plan, request.session.save, meddle)
        request.tried = request.id
        if request.known is None or changed or request.old_id is not None:
            self.compare_save(request, mine, acknowledged)
        else:
            self.compare_touch(request, acknowledged)
        request.saved = request.saved or acknowledged

    def compare_save(self, request: Request, mine: dict[str, int], acknowledged: bool) -> None:
        if self.ours and request.ended and not request.gone and not mine:
            assert not self.script.wrote
            return
        present = self.table.present(request)
        lost = request.known is not None and present is None and self.script.refused
        if self.ours and request.old_id is not None and (request.gone or lost):
            mine = request.keep_own(mine)
            present = None
        item = self.table.saved(request, mine)
        if acknowledged:
            assert (item is not None) is self.script.wrote
        if self.script.wrote:
            assert item is not None
            self.table.put(request, item)
        if acknowledged:
            request.known, request.gone = item, item is None
            request.ended = item is None
            request.base, request.old_id = (mine if item else request.base), None
        elif self.script.refused and present is not None and request.old_id is None:
            request.known = present
            if mine == present.data:  # an earlier write of this request had arrived
                request.base = mine

    def compare_touch(self, request: Request, acknowledged: bool) -> None:
        item = None if request.gone else self.table.touched(request)
        assert acknowledged, "a failed refresh must not fail the request"
        if not self.script.failed:
            assert (item is not None) is self.script.wrote
        if self.script.wrote:
            assert item is not None
            self.table.put(request, item)
            # A refresh that is sent twice fails its own condition.
            if not self.script.failed and not self.script.refused:
                request.known = item

    def save_deleted(self, request: Request, plan: list[str]) -> None:
        """Save after `delete()`. Beaker's Session deletes the item only then."""
        acknowledged = self.attempt(plan, request.session.save)
        assert not (self.ours and self.script.wrote)
        if self.script.wrote:
            self.table.end(request.id)
        if acknowledged:
            self.requests.remove(request)

    @precondition(lambda self: self.requests)
    @rule(which=WHICH, plan=PLANS)
    def end(self, which: int, plan: list[str]) -> None:
        """End a request as the middleware does if the application has not saved."""
        request = self.pick(which)
        # Beaker's Session would overwrite a later save with the data it loaded.
        if not self.ours and (request.saved or request.deleted or request.old_id):
            return
        self.know(request.id)
        acknowledged = self.attempt(plan, lambda: request.session.save(accessed_only=True))
        if request.session.is_new or request.deleted:
            assert not self.script.wrote
        elif request.known is None or request.old_id is not None:
            request.tried = request.id
            self.compare_save(request, request.base or {}, acknowledged)
        else:
            self.compare_touch(request, acknowledged)
        if acknowledged:
            self.requests.remove(request)

    # -- ends and changes of id ---------------------------------------------------------------

    @precondition(lambda self: self.requests)
    @rule(which=WHICH, plan=PLANS)
    def delete(self, which: int, plan: list[str]) -> None:
        request = self.pick(which)
        if request.deleted:
            return
        request.deleted = self.attempt(plan, request.session.delete)
        if self.ours:
            self.remove(request, request.deleted)

    @precondition(lambda self: self.requests)
    @rule(which=WHICH, plan=PLANS)
    def invalidate(self, which: int, plan: list[str]) -> None:
        request = self.pick(which)
        if request.deleted:
            return
        acknowledged = self.attempt(plan if self.ours else [], request.session.invalidate)
        if self.ours:
            self.remove(request, acknowledged)
        if not acknowledged:
            return
        request.id, request.base, request.known = request.session.id, None, None
        request.gone, request.old_id, request.tried = False, None, None
        request.looked = False
        assert {} == request.mine

    def remove(self, request: Request, acknowledged: bool) -> None:
        """Remove deleted items. Once acknowledged, none of the request's items is left."""
        own = {request.id, request.old_id}
        for id in [key.removeprefix("sess:") for key in self.script.deleted]:
            assert id in own
            if self.script.twice and id in self.table.items and self.table.find(id) is None:
                # The second call cannot know that the first one found an expired session.
                self.unacknowledged.append(id)
            self.table.end(id)
        assert not (acknowledged and self.table.items.keys() & own)

    @precondition(lambda self: self.requests)
    @rule(which=WHICH)
    def regenerate(self, which: int) -> None:
        request = self.pick(which)
        if request.deleted:
            return
        old_id = request.id
        request.session.regenerate_id()
        request.id = request.session.id
        # After a failed move the session may be stored under the new id, so the id is kept.
        kept = self.ours and request.old_id is not None and request.tried == old_id
        assert kept is (request.id == old_id)
        if not self.ours:
            # Beaker's Session starts a new session.
            request.base, request.known, request.gone = None, None, False
            request.old_id = None
            request.saved = True
        elif request.looked or request.tried:
            request.old_id = request.old_id or old_id

    @rule(seconds=st.sampled_from([0.001, 1, INTERVAL, LIFE // 2, LIFE, -1, -3600, 3600]))
    def wait(self, seconds: float) -> None:
        self.tick(seconds)

    @invariant()
    def the_table_is_the_model(self) -> None:
        """The table contains the model's items, with the same expiry to the millisecond."""
        found = {
            item["id"]["S"].removeprefix("sess:"): round(float(item["deadline"]["N"]) * 1000)
            for item in stored_sessions(self.client, self.table_name)
        }
        assert {id: item.deadline_ms for id, item in self.table.items.items()} == found

    @invariant()
    def each_end_is_reported_once(self) -> None:
        """The end of a failed step may be reported later, or not at all."""
        for event in self.reported:
            if event.kind == events.REGENERATED or event.reason == events.LOG_OUT:
                digest = event.old_session or event.session
                ended = [*self.table.unreported, *self.unacknowledged]
                id = next(id for id in ended if session_digest(id) == digest)
                now = id in self.table.unreported
                (self.table.unreported if now else self.unacknowledged).remove(id)
        self.reported.clear()
        assert self.script.failed or not self.table.unreported
        self.unacknowledged += self.table.unreported
        self.table.unreported.clear()


@pytest.mark.full
@pytest.mark.parametrize(
    ("session_class", "more"),
    [(Session, {}), (DynamoDBSession, {}), (DynamoDBSession, ENCRYPTED)],
    ids=["beaker", "ours", "ours, encrypted"],
)
def test_sessions_follow_the_model(
    session_class: type[Any], more: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    # The model does not include the pause between refreshes.
    monkeypatch.setattr("beaker_dynamodb.sessions.refreshes.PAUSE_SECONDS", 0.0)
    Sessions.session_class, Sessions.more = session_class, more
    with beaker_at(clock):
        run_model(Sessions, clock, HOW_MANY.sessions)
