"""Builds condition, filter, key and projection expressions, with placeholders for every name.

Methods are named as in ``boto3.dynamodb.conditions.Attr``. boto3's own builder is not used, because
importing boto3 takes a tenth of a process's first request.

    >>> if_new = Attr("id").not_exists() | Attr("deadline").lte({"N": "1700000000"})
    >>> write_params(if_new)["ConditionExpression"]
    'attribute_not_exists(#id) OR #deadline <= :deadline'
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

#: An item, or the value of one attribute, as boto3's client represents it: ``{"S": "sess:…"}``.
Attributes = dict[str, Any]


class Condition:
    """A condition that DynamoDB checks. Combine conditions with ``&`` and ``|``.

    :param render: returns the expression, and adds its names and values to the placeholders.
    :param is_or: whether it combines conditions with ``|``.
    """

    def __init__(self, render: Callable[[Placeholders], str], *, is_or: bool = False) -> None:
        self.render = render
        self._is_or = is_or

    def __and__(self, other: Condition) -> Condition:
        return Condition(lambda used: f"{self._operand(used)} AND {other._operand(used)}")

    def __or__(self, other: Condition) -> Condition:
        return Condition(lambda used: f"{self.render(used)} OR {other.render(used)}", is_or=True)

    def _operand(self, used: Placeholders) -> str:
        # AND binds more tightly than OR.
        return f"({self.render(used)})" if self._is_or else self.render(used)


class Attr:
    """An attribute that conditions compare. A ``str`` value means ``{"S": value}``."""

    def __init__(self, name: str) -> None:
        self.name = name

    def exists(self) -> Condition:
        """``attribute_exists(#name)``."""
        return self._condition("attribute_exists(%s)")

    def not_exists(self) -> Condition:
        """``attribute_not_exists(#name)``."""
        return self._condition("attribute_not_exists(%s)")

    def eq(self, value: str | Attributes) -> Condition:
        """``#name = :value``."""
        return self._condition("%s = %s", value)

    def ne(self, value: str | Attributes) -> Condition:
        """``#name <> :value``."""
        return self._condition("%s <> %s", value)

    def lt(self, value: str | Attributes) -> Condition:
        """``#name < :value``."""
        return self._condition("%s < %s", value)

    def lte(self, value: str | Attributes) -> Condition:
        """``#name <= :value``."""
        return self._condition("%s <= %s", value)

    def gt(self, value: str | Attributes) -> Condition:
        """``#name > :value``."""
        return self._condition("%s > %s", value)

    def begins_with(self, value: str | Attributes) -> Condition:
        """``begins_with(#name, :value)``."""
        return self._condition("begins_with(%s, %s)", value)

    def is_in(self, values: Sequence[str | Attributes]) -> Condition:
        """``#name IN (:value, …)``."""
        return self._condition(f"%s IN ({', '.join(['%s'] * len(values))})", *values)

    def _condition(self, template: str, *values: str | Attributes) -> Condition:
        def render(used: Placeholders) -> str:
            parts = [used.name(self.name)]
            parts += [used.value(self.name, value) for value in values]
            return template % tuple(parts)

        return Condition(render)


class Placeholders:
    """The placeholders of one request: ``#deadline`` for a name, ``:deadline`` for a value."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}
        self.values: dict[str, Attributes] = {}

    def name(self, name: str) -> str:
        """Return the placeholder of an attribute's name."""
        return _placeholder(self.names, "#" + _word(name), name)

    def value(self, name: str, value: str | Attributes) -> str:
        """Return the placeholder of a value to compare with an attribute."""
        attribute = {"S": value} if isinstance(value, str) else value
        return _placeholder(self.values, ":" + _word(name), attribute)

    def params(self) -> dict[str, Any]:
        """Return the request's parameters, without an empty one, which DynamoDB refuses."""
        params: dict[str, Any] = {"ExpressionAttributeNames": self.names}
        if self.values:
            params["ExpressionAttributeValues"] = self.values
        return params


def _placeholder(taken: dict[str, Any], wanted: str, meaning: Any) -> str:
    placeholder, number = wanted, 1
    while taken.setdefault(placeholder, meaning) != meaning:
        number += 1
        placeholder = f"{wanted}{number}"
    return placeholder


@lru_cache(maxsize=256)
def _word(name: str) -> str:
    """Shorten a name, and replace characters that are not allowed in a placeholder."""
    return re.sub(r"\W", "_", name, flags=re.ASCII)[:100]


def write_params(condition: Condition, *, return_item: bool = True) -> dict[str, Any]:
    """Return the parameters that make a write conditional.

    :param return_item: if the condition fails, return the current item with the error. This saves
        a read.
    """
    placeholders = Placeholders()
    params = {"ConditionExpression": condition.render(placeholders), **placeholders.params()}
    if return_item:
        params["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
    return params


def read_params(
    *,
    key: Condition | None = None,
    filter: Condition | None = None,
    projection: Sequence[str] = (),
) -> dict[str, Any]:
    """Return the parameters of a Query or Scan.

    :param key: selects the items to read; a Scan has none.
    :param filter: selects which of the items read are returned.
    :param projection: the attributes to return; empty means all.
    """
    placeholders = Placeholders()
    params: dict[str, Any] = {}
    if key is not None:
        params["KeyConditionExpression"] = key.render(placeholders)
    if filter is not None:
        params["FilterExpression"] = filter.render(placeholders)
    if projection:
        params["ProjectionExpression"] = ", ".join(
            dict.fromkeys(placeholders.name(name) for name in projection)
        )
    return {**params, **placeholders.params()}
