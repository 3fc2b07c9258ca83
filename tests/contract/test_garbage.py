"""Items overwritten with values of every type: what is read, and what is a PayloadError."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from beaker_dynamodb import PayloadError
from tests.contract.opening import payload

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.contract.opening import Opener

GARBAGE: list[dict[str, Any]] = [
    {"S": "\x00 garbage"},
    {"S": ""},
    {"N": "-3.5"},
    {"N": "0.5"},
    {"B": b""},
    {"BOOL": True},
    {"NULL": True},
    {"M": {"S": {"S": "x"}}},
    {"L": [{"S": "x"}]},
    {"SS": ["x", "y"]},
    {"NS": ["1"]},
    {"BS": [b"x"]},
]
#: Of what type an attribute has to be for an item to be read.
READ = {
    "type": "S",
    "data": "B",
    "codec": "S",
    "created": "N",
    "deadline": "N",
    "grace": "N",
    "accessed": "N",
    "version": "N",
    "writer": "S",
    "signature": "B",
    "chunk_set": "S",
}
#: What no reader looks at.
NOT_READ = ["expires", "chunks", "namespace", "key", "owner", "lease", "of another program"]
LOCK = {"owner": "S", "version": "N", "lease": "N"}

pytestmark = pytest.mark.full
both = pytest.mark.parametrize(
    ("key", "value"), [(b"k", "cached"), ("session", payload(a=1))], ids=["cache", "session"]
)


def damaged(
    item: dict[str, Any], attributes: dict[str, str], *, right: bool = False
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give the item with each kind of garbage in each attribute, and what was done to it.

    :param attributes: names, and their types.
    :param right: only garbage of that type; otherwise of all others.
    """
    for name, own in attributes.items():
        for garbage in GARBAGE:
            if right == (own in garbage):
                yield f"{name}: {garbage}", {**item, name: garbage}


def reads(open_namespace: Opener, item: dict[str, Any], key: str | bytes) -> object:
    """Put an item, and give the value that a reader gets, or the error."""
    open_namespace.put(item)
    return outcome(lambda: open_namespace()[key])


def outcome(call: Callable[[], object]) -> object:
    """Call, and give what that returns or the class of error that is to be expected."""
    try:
        return call()
    except (PayloadError, KeyError) as error:
        return type(error)


@both
def test_another_type_is_a_payload_error(
    open_namespace: Opener, key: str | bytes, value: str
) -> None:
    """An attribute of any type but its own is never a crash of another kind."""
    open_namespace()[key] = value
    cases = dict(damaged(open_namespace.item(), READ))
    read = {name: reads(open_namespace, item, key) for name, item in cases.items()}
    assert dict.fromkeys(cases, PayloadError) == read


@both
def test_what_is_not_read_does_no_harm(
    open_namespace: Opener, key: str | bytes, value: str
) -> None:
    """Attributes that no reader needs may hold anything, and there may be more of them."""
    open_namespace()[key] = value
    cases = dict(damaged(open_namespace.item(), dict.fromkeys(NOT_READ, "none")))
    read = {name: reads(open_namespace, item, key) for name, item in cases.items()}
    assert dict.fromkeys(cases, value) == read


@both
def test_garbage_of_the_right_type(open_namespace: Opener, key: str | bytes, value: str) -> None:
    """What cannot be right is a PayloadError; times and tokens are taken as they are."""
    open_namespace()[key] = value
    cases = dict(damaged(open_namespace.item(), READ, right=True))
    read = {name: reads(open_namespace, item, key) for name, item in cases.items()}
    expected: dict[str, object] = dict.fromkeys(READ, value)
    expected |= dict.fromkeys(["type", "codec", "version", "chunk_set"], PayloadError)
    expected |= {"deadline": KeyError, "data": "" if key == "session" else PayloadError}
    assert {name: expected[name.split(":")[0]] for name in read} == read


@both
@pytest.mark.parametrize("number", ["1E+120", "-1E+120", "1E-120", "9" * 38])
def test_numbers_of_any_size(
    open_namespace: Opener, key: str | bytes, value: str, number: str
) -> None:
    """As large or small as DynamoDB takes them: read, expired or a PayloadError."""
    open_namespace()[key] = value
    item = open_namespace.item()
    numbers = [name for name, own in READ.items() if own == "N"]
    read = {reads(open_namespace, {**item, name: {"N": number}}, key) for name in numbers}
    assert read <= {value, PayloadError, KeyError}
    assert value in read


@both
def test_an_attribute_that_is_missing(open_namespace: Opener, key: str | bytes, value: str) -> None:
    """Without one of these four an item is a PayloadError; so it is with its key only."""
    open_namespace()[key] = value
    item = open_namespace.item()
    own = open_namespace.key(item)
    needed = ["type", "data", "codec", "created"]
    read = {
        name: reads(open_namespace, {n: v for n, v in item.items() if n != name}, key)
        for name in item.keys() - own.keys()
    }
    assert {**dict.fromkeys(read, value), **dict.fromkeys(needed, PayloadError)} == read
    assert PayloadError is reads(open_namespace, own, key)


@both
def test_a_codec_of_the_future(open_namespace: Opener, key: str | bytes, value: str) -> None:
    """What a later version may write is not guessed at."""
    open_namespace()[key] = value
    item = open_namespace.item()
    for codec in ("msgpack2", "pickle,lz4", ",zlib", "b64,zlib,zlib", ""):
        assert PayloadError is reads(open_namespace, {**item, "codec": {"S": codec}}, key)


@both
def test_garbage_can_be_got_rid_of(open_namespace: Opener, key: str | bytes, value: str) -> None:
    """A damaged item is deleted, and a cache's replaced, without having been read."""
    open_namespace()[key] = value
    for _, item in damaged(open_namespace.item(), READ):
        open_namespace.put(item)
        del open_namespace()[key]
        left = "beaker-marker" if key == "session" else "beaker-tombstone"
        assert {"S": left} == open_namespace.item()["type"]
        if key != "session":
            open_namespace.put(item)
            open_namespace()[key] = value
            assert value == open_namespace()[key]


# moto answers 500 to a condition that compares a text with a number.
@pytest.mark.parametrize("engine", ["local"], scope="session")
def test_garbage_comes_in_the_middle_of_a_request(open_namespace: Opener) -> None:
    """A save either is one, and the session is whole again, or is a PayloadError."""
    open_namespace("id")["session"] = payload(a=1)
    whole = open_namespace.item()
    for name, item in damaged(whole, READ):
        open_namespace.put(whole)
        request = open_namespace("id")
        request["session"]
        open_namespace.put(item)
        saved = outcome(partial(request.__setitem__, "session", payload(a=2)))
        found = outcome(lambda: open_namespace("id")["session"])
        assert (saved, found) in {(None, payload(a=2)), (PayloadError, PayloadError)}, name


def test_garbage_in_a_lock(open_namespace: Opener) -> None:
    """A damaged creation lock is a PayloadError, at once."""
    lock = open_namespace().get_creation_lock(b"k")
    lock.acquire()
    whole = open_namespace.item()
    lock.release()
    for _, item in damaged(whole, LOCK):
        open_namespace.put(item)
        with pytest.raises(PayloadError):
            open_namespace().get_creation_lock(b"k").acquire()
