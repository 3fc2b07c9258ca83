"""Builds condition, filter, key and projection expressions, with placeholders for every name.

The methods have the names of ``boto3.dynamodb.conditions.Attr``. boto3's own builder is not used,
because importing boto3 costs a tenth of a process's first request.

    >>> if_new = Attr("id").not_exists() | Attr("deadline").lte({"N": "1700000000"})
    >>> write_params(if_new)["ConditionExpression"]
    'attribute_not_exists(#id) OR #deadline <= :deadline'
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

#: An item, or the value of one attribute, as boto3's client represents it: ``{"S": "sess:…"}``.
Attributes = dict[str, Any]


class Condition:
    """A condition that DynamoDB checks. Combine conditions with ``&`` and ``|``."""

    def __and__(self, other: Condition) -> Condition:
        return _Combination("AND", self, other)

    def __or__(self, other: Condition) -> Condition:
        return _Combination("OR", self, other)

    def render(self, placeholders: Placeholders) -> str:
        """Return the expression, and add the names and values that it uses."""
        raise NotImplementedError


class Attr:
    """An attribute that conditions compare. A ``str`` value stands for ``{"S": value}``."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def exists(self) -> Condition:
        """``attribute_exists(#name)``."""
        return _Comparison(self.name, before="attribute_exists(", after=")")

    def not_exists(self) -> Condition:
        """``attribute_not_exists(#name)``."""
        return _Comparison(self.name, before="attribute_not_exists(", after=")")

    def eq(self, value: str | Attributes) -> Condition:
        """``#name = :value``."""
        return _Comparison(self.name, " = ", value)

    def ne(self, value: str | Attributes) -> Condition:
        """``#name <> :value``."""
        return _Comparison(self.name, " <> ", value)

    def lt(self, value: str | Attributes) -> Condition:
        """``#name < :value``."""
        return _Comparison(self.name, " < ", value)

    def lte(self, value: str | Attributes) -> Condition:
        """``#name <= :value``."""
        return _Comparison(self.name, " <= ", value)

    def gt(self, value: str | Attributes) -> Condition:
        """``#name > :value``."""
        return _Comparison(self.name, " > ", value)

    def begins_with(self, value: str | Attributes) -> Condition:
        """``begins_with(#name, :value)``."""
        return _Comparison(self.name, ", ", value, before="begins_with(", after=")")

    def is_in(self, values: Iterable[str | Attributes]) -> Condition:
        """``#name IN (:value, …)``."""
        return _Comparison(self.name, " IN (", *values, after=")")


class _Comparison(Condition):
    __slots__ = ("_after", "_before", "_name", "_operator", "_values")

    def __init__(
        self,
        name: str,
        operator: str = "",
        *values: str | Attributes,
        before: str = "",
        after: str = "",
    ) -> None:
        self._name = name
        self._operator = operator
        self._values = values
        self._before = before
        self._after = after

    def render(self, placeholders: Placeholders) -> str:
        values = ", ".join([placeholders.value(self._name, value) for value in self._values])
        name = placeholders.name(self._name)
        return f"{self._before}{name}{self._operator}{values}{self._after}"


class _Combination(Condition):
    __slots__ = ("_conditions", "_operator")

    def __init__(self, operator: str, *conditions: Condition) -> None:
        self._operator = operator
        self._conditions = conditions

    def render(self, placeholders: Placeholders) -> str:
        return f" {self._operator} ".join(
            f"({condition.render(placeholders)})"
            # AND binds more tightly than OR.
            if self._operator == "AND"
            and isinstance(condition, _Combination)
            and condition._operator == "OR"
            else condition.render(placeholders)
            for condition in self._conditions
        )


class Placeholders:
    """The placeholders of one request: ``#deadline`` for a name, ``:deadline`` for a value."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}
        self.values: dict[str, Attributes] = {}

    def name(self, name: str) -> str:
        """Return the placeholder of an attribute's name."""
        return _placeholder(self.names, "#" + _word(name), name)

    def value(self, name: str, value: str | Attributes) -> str:
        """Return the placeholder of a value that is compared with an attribute."""
        attribute = {"S": value} if isinstance(value, str) else value
        return _placeholder(self.values, ":" + _word(name), attribute)

    def params(self) -> dict[str, Any]:
        """Return the request's parameters; DynamoDB refuses empty ones."""
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
    """Return the start of a name, with only the characters that a placeholder may have."""
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
    :param filter: selects those of the items read that are returned.
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
