"""Where sessions are stored: a description, and a fingerprint of it for state files."""

from __future__ import annotations

import hashlib

from beaker_dynamodb.items.store import ItemStore


def location(items: ItemStore) -> str:
    """Return the table, endpoint and prefixes of a configuration, for messages.

    :raises ConfigurationError: no Region is configured, or boto3 is missing.
    """
    options = items.options
    prefixes = " and ".join(map(repr, dict.fromkeys(items.keys.prefixes)))
    hashed = ", ids hashed" if options.hash_ids else ""
    endpoint = items.client().meta.endpoint_url
    return f"table {options.table_name} at {endpoint}, prefix {prefixes}{hashed}"


def fingerprint(*locations: str) -> str:
    """Return the SHA-256 of locations, which a state file stores."""
    return hashlib.sha256("\n".join(locations).encode()).hexdigest()
