"""The creation lock on both servers, with a clock that is moved by hand."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ReadTimeoutError

from beaker_dynamodb import DynamoDBNamespaceManager, LockTimeout, lease, lock
from beaker_dynamodb.lock import DynamoDBSynchronizer
from beaker_dynamodb.storage.lock_items import LockItem
from tests.beaker import items, used_client
from tests.clock import Clock
from tests.servers.recorder import CallRecorder

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

LEASE = 30.0
#: Makes a synchronizer that shares nothing with those made before, as another process's.
Process = Callable[[], DynamoDBSynchronizer]


class Time(Clock):
    """A monotonic clock that only moves in pauses, which take no time and are kept."""

    def __init__(self) -> None:
        super().__init__(0.0)
        self.pauses: list[float] = []
        self.during: Callable[[], object] = int

    def pause(self, seconds: float) -> None:
        """Move the clock in place of sleeping."""
        self.pauses.append(seconds)
        self.advance(seconds)
        self.during()


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    """The time that locks see; renewals happen when the test says `lease.heart.beat()`."""
    time = Time()
    monkeypatch.setattr(lease, "monotonic", time)
    monkeypatch.setattr(lock, "sleep", time.pause)
    heart = lease.Heart()
    monkeypatch.setattr(heart, "_run", int)
    monkeypatch.setattr(lease, "heart", heart)
    return time


@pytest.fixture
def process(options: dict[str, Any], time: Time) -> Process:
    """A factory of locks on one key, each as if in a process of its own."""
    store = DynamoDBNamespaceManager("news", **options).store
    return lambda: DynamoDBSynchronizer(store.items, store.keys.lock("news", b"key"))


@pytest.fixture
def sent(options: dict[str, Any], process: Process) -> Iterator[CallRecorder]:
    """The calls made."""
    with CallRecorder(used_client(options)) as recorder:
        yield recorder


def die(holder: DynamoDBSynchronizer) -> None:
    """Let a holder's process end without a release: nobody renews its lock any more."""
    held = holder._held
    assert held is not None
    lease.heart.remove(held)


def test_exclusive(process: Process, time: Time) -> None:
    """One of two processes has the lock; the other has it after the release."""
    one, two = process(), process()
    assert one.acquire(wait=False)
    assert not two.acquire(wait=False)
    one.release()
    time.advance(lock.QUIET_SECONDS)
    assert two.acquire(wait=False)


def test_item(process: Process, client: DynamoDBClient, table_name: str) -> None:
    """A lock is one item, with a token of its own each time, that time to live takes away."""
    one = process()
    owners = set()
    for _ in range(2):
        one.acquire()
        ((key, item),) = items(client, table_name).items()
        assert "cache:|lock|news|key" == key
        assert "beaker-lock" == item["type"]["S"]
        assert {"id", "type", "owner", "version", "lease", "expires"} == set(item)
        owners.add(item["owner"]["S"])
        one.release()
        assert {} == items(client, table_name)
    assert 2 == len(owners)


def test_reentrant(process: Process, sent: CallRecorder) -> None:
    """A thread takes its lock again at no cost, and gives it back with the last release."""
    one = process()
    one.acquire()
    sent.clear()
    assert one.acquire(wait=False)
    one.release()
    assert [] == sent.operations
    one.release()
    assert ["DeleteItem"] == sent.operations


def test_threads(process: Process, sent: CallRecorder) -> None:
    """Another thread of the process does not get the lock, and asks nobody but the process."""
    one = process()
    one.acquire()
    sent.clear()
    answers: list[bool] = []
    thread = threading.Thread(target=lambda: answers.append(one.acquire(wait=False)))
    thread.start()
    thread.join()
    assert [False] == answers
    assert [] == sent.operations


def test_quiet(process: Process, time: Time, sent: CallRecorder) -> None:
    """A thousand readers of one stale key that another process makes are one write."""
    one, two = process(), process()
    one.acquire()
    sent.clear()
    assert [False] * 1000 == [two.acquire(wait=False) for _ in range(1000)]
    assert ["PutItem"] == sent.operations
    time.advance(lock.QUIET_SECONDS)
    two.acquire(wait=False)
    assert ["PutItem"] * 2 == sent.operations


def test_wait(process: Process, time: Time, sent: CallRecorder) -> None:
    """A waiter looks by reads, in growing pauses, and has the lock when it is free."""
    one, two = process(), process()
    one.acquire()
    sent.clear()
    time.during = lambda: one.release() if len(time.pauses) == 7 else None

    two.acquire()

    assert two.mine
    assert ["PutItem", *["GetItem"] * 6, "DeleteItem", "GetItem", "PutItem"] == sent.operations
    longest = [lock.POLL_FIRST * 2**n for n in range(5)] + [lock.POLL_LONGEST] * 2
    for pause, most in zip(time.pauses, longest, strict=True):
        assert most / 2 <= pause <= most


def test_timeout(process: Process, time: Time) -> None:
    """After lock_timeout a waiter gives up, with an error, and can try again."""
    one, two = process(), process()
    one.acquire()
    time.during = lease.heart.beat
    with pytest.raises(LockTimeout, match="60 s"):
        two.acquire()
    assert 60 == time.now
    one.release()
    assert two.acquire()


def test_dead_holder(process: Process, time: Time) -> None:
    """A waiter takes over from a dead holder after one lease of its own clock, not before."""
    one, two = process(), process()
    one.acquire()
    die(one)
    time.advance(1000)
    two.acquire()
    assert 1000 + LEASE == time.now


def test_dead_holder_stale(process: Process, time: Time) -> None:
    """Readers that do not wait take over from a dead holder too."""
    one, two = process(), process()
    one.acquire()
    die(one)
    assert not two.acquire(wait=False)
    time.advance(LEASE - 1)
    assert not two.acquire(wait=False)
    time.advance(1)
    assert two.acquire(wait=False)


def test_renewal(process: Process, time: Time) -> None:
    """A lock that is renewed is not taken over, however long the value takes to make."""
    one, two = process(), process()
    one.acquire()
    for _ in range(40):
        assert not two.acquire(wait=False)
        time.advance(LEASE / 3)
        lease.heart.beat()
    assert not one.lost


def test_renewed_unseen(process: Process, time: Time) -> None:
    """A lock that was renewed while nobody looked is not taken over, however long ago that was."""
    one, two = process(), process()
    one.acquire()
    assert not two.acquire(wait=False)
    time.advance(LEASE / 3)
    lease.heart.beat()
    time.advance(LEASE * 2 / 3)
    assert not two.acquire(wait=False)


def test_taken_away(process: Process, caplog: pytest.LogCaptureFixture) -> None:
    """A renewal does not write over somebody else's lock, and tells that the own one is lost."""
    one = process()
    one.acquire()
    held = one._held
    assert held is not None
    other = LockItem("somebody else", 1, LEASE)
    assert one._items.take(one._key, other, held._lock) is None

    assert not held.renew()

    assert one.lost
    assert other == one._items.read(one._key)
    assert 1 == len(caplog.messages)


def test_renewal_after_release(process: Process, sent: CallRecorder) -> None:
    """A renewal that was due and comes after the release writes nothing."""
    one = process()
    one.acquire()
    held = one._held
    assert held is not None
    one.release()
    sent.clear()
    assert not held.renew()
    assert [] == sent.operations


def test_one_of_two_takes_over(process: Process, time: Time) -> None:
    """Of two waiters on a dead holder's lock one takes it over."""
    one, two, three = process(), process(), process()
    one.acquire()
    die(one)
    assert [False, False] == [two.acquire(wait=False), three.acquire(wait=False)]
    time.advance(LEASE)
    assert [True, False] == [two.acquire(wait=False), three.acquire(wait=False)]


def test_late_release(process: Process, time: Time, caplog: pytest.LogCaptureFixture) -> None:
    """A holder that was stopped for too long knows, and its release frees nobody else's lock."""
    one, two, three = process(), process(), process()
    one.acquire()
    two.acquire(wait=False)
    time.advance(LEASE)
    assert one.lost
    assert two.acquire(wait=False)

    one.release()

    assert not three.acquire(wait=False)
    assert ["a creation lock had been taken over before it was released"] == caplog.messages


def test_lost_in_renewal(process: Process, time: Time, caplog: pytest.LogCaptureFixture) -> None:
    """A holder whose lease is over stops renewing, so that it takes nothing back."""
    one, two = process(), process()
    one.acquire()
    two.acquire(wait=False)
    time.advance(LEASE)
    two.acquire(wait=False)

    lease.heart.beat()

    assert one.lost
    assert not two.lost
    assert 1 == len(caplog.messages)


@pytest.mark.parametrize("there", [False, True])
def test_late_maker(options: dict[str, Any], time: Time, there: bool) -> None:
    """A value made under a lost lock replaces none that is there, and fills a gap."""
    one, two = (DynamoDBNamespaceManager("news", **options) for _ in range(2))
    mine = one.get_creation_lock(b"key")
    mine.acquire()
    if there:
        two[b"key"] = "in time"
    time.advance(LEASE)
    one[b"key"] = "late"
    assert ("in time" if there else "late") == two[b"key"]
    mine.release()
    two[b"key"] = "later"
    assert "later" == two[b"key"]


def test_lost_lock_is_not_handed_on(process: Process, time: Time) -> None:
    """A thread that waited does not get a lock that its process has lost meanwhile."""
    lock = process()
    lock.acquire()
    lock._waiting = 1  # a thread that is woken, and runs only after the lease is over
    lock.release()
    lock._waiting = 0
    time.advance(LEASE)
    assert lock.acquire(wait=False)
    assert not lock.lost
    lock.release()


def test_interrupted_waiter(process: Process, time: Time, monkeypatch: pytest.MonkeyPatch) -> None:
    """A waiter that is interrupted, as by gevent's Timeout, leaves no lock behind."""
    one, two = process(), process()
    one.acquire()
    released = threading.Event()
    wait_for = threading.Condition.wait_for

    def interrupted(turn: threading.Condition, predicate: Any, timeout: Any = None) -> bool:
        wait_for(turn, predicate, timeout)
        raise KeyboardInterrupt

    monkeypatch.setattr(threading.Condition, "wait_for", interrupted)

    def wait() -> None:
        with pytest.raises(KeyboardInterrupt):
            one.acquire()
        released.set()

    thread = threading.Thread(target=wait)
    thread.start()
    while not one._waiting:
        threading.Event().wait(0.001)
    one.release()
    released.wait()
    thread.join()
    monkeypatch.undo()
    assert two._items.read(two._key) is None


def test_memory(process: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many locks of others are seen, so many are remembered and no more."""
    monkeypatch.setattr(lock, "MAX_WATCHED", 2)
    monkeypatch.setattr(lock, "_watched", {})
    process().acquire()
    others = [process() for _ in range(3)]
    assert [False] * 3 == [other.acquire(wait=False) for other in others]
    assert others[1:] == list(lock._watched)


def test_remembered(options: dict[str, Any], process: Process, time: Time) -> None:
    """What was seen of a dead holder is remembered, though its readers forget the lock."""
    one = process()
    one.acquire()
    die(one)
    namespace = DynamoDBNamespaceManager("news", **options)
    assert not namespace.get_creation_lock(b"key").acquire(wait=False)
    gc.collect()
    time.advance(LEASE)
    assert namespace.get_creation_lock(b"key").acquire(wait=False)


def fail(operation: str, client: DynamoDBClient, times: int) -> None:
    """Let the client's next so many requests of a kind time out."""
    left = [times]

    def handler(**_: object) -> None:
        if left[0]:
            left[0] -= 1
            raise ReadTimeoutError(endpoint_url="the server")

    client.meta.events.register(f"before-send.dynamodb.{operation}", handler)


@pytest.fixture
def faulty(options: dict[str, Any], time: Time) -> DynamoDBNamespaceManager:
    """A namespace whose client tries once, and is nobody else's."""
    return DynamoDBNamespaceManager("news", max_attempts=1, **options)


@pytest.fixture
def _own_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("beaker_dynamodb.storage.client._clients", {})


@pytest.mark.usefixtures("_own_clients")
@pytest.mark.parametrize(("failures", "lost"), [(19, False), (20, True)])
def test_renewal_fails(
    faulty: DynamoDBNamespaceManager, time: Time, failures: int, lost: bool
) -> None:
    """A renewal that fails is tried again until the lease is over; then the lock is lost."""
    mine = faulty.get_creation_lock(b"key")
    mine.acquire()
    fail("PutItem", faulty.client, failures)
    for _ in range(35):
        time.advance(1)
        lease.heart.beat()
    assert lost == mine.lost
    mine.release()


@pytest.mark.usefixtures("_own_clients")
def test_release_fails(
    faulty: DynamoDBNamespaceManager, time: Time, caplog: pytest.LogCaptureFixture
) -> None:
    """A release that DynamoDB does not answer is no error of the caller's, and logged."""
    mine = faulty.get_creation_lock(b"key")
    mine.acquire()
    fail("DeleteItem", faulty.client, 1)
    mine.release()
    (message,) = caplog.messages
    assert message.startswith("a creation lock was not released: DeleteItem on table")
    assert not mine.mine


@pytest.mark.usefixtures("_own_clients")
@pytest.mark.parametrize("operation", ["PutItem", "DeleteItem"])
def test_answer_lost(
    options: dict[str, Any], time: Time, operation: str, caplog: pytest.LogCaptureFixture
) -> None:
    """When an answer is lost and botocore asks again, our own write is not taken for another's."""
    namespace = DynamoDBNamespaceManager("news", **options)
    first = namespace.get_creation_lock(b"other")  # creates the table
    first.acquire()
    first.release()
    done: list[int] = []
    client = namespace.client
    sends: dict[str, Callable[..., Any]] = {
        "PutItem": client.put_item,
        "DeleteItem": client.delete_item,
    }

    def send_before(params: dict[str, Any], **_: object) -> None:
        if not done:
            done.append(1)
            sends[operation](**params)

    event = f"provide-client-params.dynamodb.{operation}"
    client.meta.events.register(event, send_before)
    mine = namespace.get_creation_lock(b"key")

    with CallRecorder(client) as calls:
        assert mine.acquire(wait=False)
        mine.release()
    client.meta.events.unregister(event, send_before)

    codes = [call.error_code for call in calls if call.operation == operation]
    assert [None, "ConditionalCheckFailedException"] == codes
    assert [] == caplog.messages


def test_one_object(options: dict[str, Any]) -> None:
    """In one process a key has one lock, however many managers ask for it."""
    one, two = (
        DynamoDBNamespaceManager("news", default_ttl=ttl, **options).get_creation_lock(b"key")
        for ttl in (60, 120)
    )
    assert one is two
    assert one is not DynamoDBNamespaceManager("news", **options).get_creation_lock(b"another")
