"""Number of examples, strategies for inputs, and helpers that inspect calls."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_to_bytes

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from tests.servers.recorder import CallRecorder


@dataclass(frozen=True)
class Numbers:
    """Numbers of examples.

    :param sessions: sequences of steps for each of the three models of sessions.
    :param users: sequences of steps for the model of a user's sessions.
    :param caches: sequences of steps for the model of caches and locks.
    :param inputs: inputs of each of the five fuzz tests.
    """

    sessions: int
    users: int
    caches: int
    inputs: int

    @property
    def totals(self) -> tuple[str, str, str]:
        """Totals of sequences and inputs, formatted as in the documentation."""
        return f"{3 * self.sessions:,}", f"{self.caches:,}", f"{5 * self.inputs:,}"


FULL = Numbers(sessions=30, users=30, caches=25, inputs=100)
#: With `tox -e chaos`.
ON_REQUEST = Numbers(sessions=6_670, users=600, caches=5_000, inputs=20_000)
HOW_MANY = ON_REQUEST if settings().max_examples >= 1_000 else FULL
FUZZ = settings(max_examples=HOW_MANY.inputs, suppress_health_check=list(HealthCheck))

#: Strings, including lone surrogates, and edge cases of the encoding of keys.
TEXTS = (
    st.text(st.characters(exclude_categories=()))
    | st.text("a|:%#/", max_size=8)
    | st.sampled_from(["", "%", "%#" + "0" * 64, "|lock|a|b", "|chunk|a|0", "../a", "a" * 3000])
)
NUMBERS = (
    st.integers(-(10**20), 10**20).map(str)
    | st.sampled_from(["1E+125", "-1E-130", "0.5", "-0", "4000000000.001"])
    # DynamoDB's smallest number is 1E-130.
    | st.floats(-1e100, 1e100).filter(lambda number: abs(number) > 1e-100).map(repr)
)
#: Attribute values of all DynamoDB types.
ATTRIBUTES: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.builds(lambda value: {"S": value}, st.text(max_size=40)),
    st.builds(lambda value: {"N": value}, NUMBERS),
    st.builds(lambda value: {"B": value}, st.binary(max_size=60)),
    st.sampled_from(
        [
            {"BOOL": True},
            {"NULL": True},
            {"L": []},
            {"L": [{"S": "a"}]},
            {"M": {}},
            {"M": {"S": {"S": "a"}}},
            {"SS": ["a"]},
            {"NS": ["1"]},
            {"BS": [b"a"]},
        ]
    ),
)


def keys_sent(calls: CallRecorder) -> Iterator[dict[str, Any]]:
    """Return the primary key, or the item, of every part of the calls."""
    for call in calls:
        params = call.params
        if call.operation in ("GetItem", "DeleteItem", "PutItem"):
            yield params["Key"] if "Key" in params else params["Item"]
        elif call.operation == "TransactWriteItems":
            for part in params["TransactItems"]:
                yield part["Delete"]["Key"] if "Delete" in part else part["Put"]["Item"]
        elif call.operation == "BatchWriteItem":
            for (table,) in [params["RequestItems"].values()]:
                for part in table:
                    yield part.get("DeleteRequest", {}).get("Key") or part["PutRequest"]["Item"]
        elif call.operation == "BatchGetItem":
            for (table,) in [params["RequestItems"].values()]:
                yield from table["Keys"]
        else:
            assert call.operation in ("Scan", "CreateTable", "DescribeTable", "UpdateTimeToLive")


def namespace_of(key: dict[str, Any], prefix: str) -> bytes:
    """Return the namespace or session id of a primary key."""
    text = key["id"]["S"]
    assert text.startswith(prefix)
    text = text.removeprefix(prefix).removeprefix("|lock|")
    name = text.partition("|")[0]
    assert ":" not in name
    return b"" if name == "%" else unquote_to_bytes(name)
