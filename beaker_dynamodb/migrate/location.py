"""Where sessions are stored."""

from __future__ import annotations

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
