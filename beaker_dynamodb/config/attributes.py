"""Attribute names of an item, and checks that options do not collide with them."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from beaker_dynamodb.exceptions import ConfigurationError

#: Attributes whose names are fixed (see docs/reference/items.md).
FIXED_ATTRIBUTES = frozenset(
    {
        "accessed",
        "chunk_set",
        "cookie",
        "chunks",
        "codec",
        "created",
        "data",
        "deadline",
        "earlier",
        "grace",
        "key",
        "lease",
        "namespace",
        "owner",
        "signature",
        "type",
        "version",
        "writer",
    }
)
#: Fixed attributes that every index projects, besides the `ttl_attribute` and all special keys.
INDEXED_ATTRIBUTES = ("accessed", "created", "deadline", "namespace", "type")
#: DynamoDB's limits: indexes per table, projected attributes per index, and projected attributes
#: of all indexes together (AWS developer guide, quotas; API reference, Projection).
MAX_INDEXES, MAX_INDEX_ATTRIBUTES, MAX_ATTRIBUTES_OF_INDEXES = 20, 20, 100


def check_attribute_names(
    special_keys: Collection[str], hash_key: str, sort_key: str | None, ttl_attribute: str
) -> None:
    """Raise ConfigurationError if two attributes of an item would have the same name."""
    named = [("hash_key", hash_key), ("ttl_attribute", ttl_attribute)]
    if sort_key is not None:
        named.append(("sort_key", sort_key))
    named += [("special_keys", name) for name in special_keys]
    taken = dict.fromkeys(FIXED_ATTRIBUTES, "an attribute that beaker_dynamodb itself writes")
    for option, name in named:
        if name in taken:
            raise ConfigurationError(f"option {option}: {name!r} is already {taken[name]}")
        taken[name] = f"the {option}"


def check_index_keys(index_keys: Collection[str], special_keys: Mapping[str, str]) -> None:
    """Raise ConfigurationError if DynamoDB cannot index these keys.

    :param special_keys: the type of each special key.
    """
    for name in index_keys:
        if special_keys[name] == "BOOL":
            raise ConfigurationError(
                f"option special_keys: {name!r} is a BOOL, which DynamoDB cannot index"
            )
    # Plus the ttl_attribute, minus the index's own special key: these two cancel out.
    attributes = len(INDEXED_ATTRIBUTES) + len(special_keys)
    if index_keys and (
        len(index_keys) > MAX_INDEXES
        or attributes > MAX_INDEX_ATTRIBUTES
        or attributes * len(index_keys) > MAX_ATTRIBUTES_OF_INDEXES
    ):
        raise ConfigurationError(
            f"option special_keys: DynamoDB does not allow {len(index_keys)} indexes of "
            f"{attributes} attributes (each index has all special_keys)"
        )


def check_user_key(
    user_key: str | None, max_sessions: int | None, index_keys: Collection[str]
) -> None:
    """Raise ConfigurationError if user_key has no index, or max_sessions has no user_key."""
    if user_key is not None and user_key not in index_keys:
        raise ConfigurationError(
            f"option user_key: {user_key!r} is not an indexed special key; set special_keys = "
            f"{user_key}:S:index, with the type of its values"
        )
    if max_sessions is not None and user_key is None:
        raise ConfigurationError("option max_sessions needs user_key")
