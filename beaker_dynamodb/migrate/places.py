"""Which table and prefix something is about: in words, and as what a state file knows it by."""

from __future__ import annotations

import hashlib

from beaker_dynamodb.items.store import ItemStore


def place(items: ItemStore) -> str:
    """Name the server, table and prefix of a configuration.

    :raises ConfigurationError: no Region is set, or boto3 is missing.
    """
    options = items.options
    prefixes = " and ".join(map(repr, dict.fromkeys(items.keys.beginnings)))
    hashed = ", ids hashed" if options.hash_ids else ""
    endpoint = items.client().meta.endpoint_url
    return f"table {options.table_name} at {endpoint}, prefix {prefixes}{hashed}"


def digest(*places: str) -> str:
    """Give what a state file keeps of the places it is about: a SHA-256, hexadecimal."""
    return hashlib.sha256("\n".join(places).encode()).hexdigest()
