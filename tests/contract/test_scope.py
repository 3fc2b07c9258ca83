"""Nothing that another namespace, prefix or application has in the table is seen or touched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.opening import payload

if TYPE_CHECKING:
    from tests.contract.opening import Opener
    from tests.servers.recorder import CallRecorder

pytestmark = pytest.mark.both_shapes

NEIGHBOURS = ["user1", "user10", "user", "user1|k", "user1%7Ck", "user1:", "", "|", "|lock|user1"]


def test_neighbours_do_not_see_each_other(open_namespace: Opener) -> None:
    """Namespaces whose names begin alike, or hold separators, are told apart by every verb."""
    for name in NEIGHBOURS:
        open_namespace(name)[b"k"] = name
    for name in NEIGHBOURS:
        assert name == open_namespace(name)[b"k"]
        assert [b"k"] == open_namespace(name).keys()
    for count, name in enumerate(NEIGHBOURS, 1):
        open_namespace(name).remove()
        assert b"k" not in open_namespace(name)
        assert len(NEIGHBOURS) - count == len(open_namespace.items())


@pytest.mark.parametrize(("one", "other"), [("a", "b"), ("a", "ab"), ("a", "a:b"), ("", "a")])
def test_prefixes_do_not_see_each_other(open_namespace: Opener, one: str, other: str) -> None:
    """Applications that share a table keep to themselves, however alike their prefixes are."""
    for prefix in (one, other):
        open_namespace("n", prefix=prefix)[b"k"] = f"cached by {prefix}"
        open_namespace("id", prefix=prefix)["session"] = payload(by=prefix)
    for prefix in (one, other):
        assert f"cached by {prefix}" == open_namespace("n", prefix=prefix)[b"k"]
        assert [b"k"] == open_namespace("n", prefix=prefix).keys()
        assert payload(by=prefix) == open_namespace("id", prefix=prefix)["session"]
    open_namespace("n", prefix=one).remove()
    open_namespace("id", prefix=one).remove()
    assert [] == open_namespace("n", prefix=one).keys()
    assert [b"k"] == open_namespace("n", prefix=other).keys()
    assert payload(by=other) == open_namespace("id", prefix=other)["session"]


def test_no_id_reaches_into_another_prefix(open_namespace: Opener) -> None:
    """Under an empty prefix, an id that looks like a prefix and an id is only an odd id."""
    open_namespace("id", prefix="shop")["session"] = payload(a=1)
    open_namespace("n", prefix="shop")[b"k"] = 1
    for hostile in ("shop:id", "shop:n|k", "shop%3Aid"):
        assert "session" not in open_namespace(hostile, prefix="")
        assert b"k" not in open_namespace(hostile, prefix="")
    assert b"k" not in open_namespace("shop:n", prefix="")


def test_other_applications_items_are_left_alone(open_namespace: Opener) -> None:
    """`keys()` and `remove()` pass over items of other shapes, though their keys look like ours."""
    open_namespace.make_table()
    foreign: list[dict[str, Any]] = [
        {"id": {"S": "cache:pages|theirs"}},
        {"id": {"S": "cache:pages|typed"}, "type": {"S": "invoice"}, "deadline": {"S": "May"}},
        {"id": {"S": "cache:pages|number"}, "type": {"N": "7"}},
        {"id": {"S": "cache:pages"}, "type": {"S": "invoice"}},
        {"id": {"S": "unrelated"}, "data": {"L": [{"NULL": True}]}, "expires": {"S": "never"}},
    ]
    for number, item in enumerate(foreign):
        if open_namespace.sorted:
            item["id"] = {"S": "cache:pages"}
            item["part"] = {"S": f"|{number}" if number % 2 else str(number)}
        open_namespace.put(item)
    manager = open_namespace("pages")
    manager[b"ours"] = 1
    assert [b"ours"] == manager.keys()
    manager.remove()
    assert [] == manager.keys()
    left = open_namespace.items()
    assert len(foreign) == len(left)
    assert all(item in left for item in foreign)


def test_a_namespace_of_several_pages_is_listed_and_removed(
    open_namespace: Opener, sent: CallRecorder
) -> None:
    """More than one page (1 MB) and more than one batch (25 deletes) are all handled."""
    manager = open_namespace("pages", compression="off")
    keys = [b"%02d" % number for number in range(30)]
    for key in keys:
        manager[key] = bytes(60_000)
    open_namespace("neighbour")[b"k"] = 1
    sent.clear()
    assert keys == sorted(manager.keys())
    listing = "Query" if open_namespace.sorted else "Scan"
    assert {listing} == set(sent.operations)
    assert len(sent) > 1
    sent.clear()
    manager.remove()
    assert {listing, "BatchWriteItem"} == set(sent.operations)
    sizes = [
        len(call.params["RequestItems"][open_namespace.table_name])
        for call in sent
        if call.operation == "BatchWriteItem"
    ]
    assert [25, 5] == sizes
    assert 1 == open_namespace("neighbour")[b"k"]
    assert 1 == len(open_namespace.items())
