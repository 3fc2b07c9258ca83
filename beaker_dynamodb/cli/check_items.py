"""The `doctor` checks of items: try each operation, and look at a sample of stored items."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from beaker_dynamodb.cli.checks import ERROR, OK, WARNING, Found, Result, check, failed
from beaker_dynamodb.cli.settings import Settings
from beaker_dynamodb.config.beaker_settings import CACHE, SESSIONS
from beaker_dynamodb.dynamodb.error_mapping import ConditionFailed
from beaker_dynamodb.dynamodb.expressions import Attr, read_params, write_params
from beaker_dynamodb.dynamodb.indexes import index_name
from beaker_dynamodb.dynamodb.transport import OPERATIONS
from beaker_dynamodb.exceptions import DynamoDBError
from beaker_dynamodb.items.item import CACHE as CACHE_TYPE
from beaker_dynamodb.items.item import SESSION as SESSION_TYPE
from beaker_dynamodb.items.keys import Key
from beaker_dynamodb.items.store import ItemStore

SAMPLE_ITEMS = 100
#: Lifetime of the item, in case it cannot be deleted.
LIFE_SECONDS = 300
#: A value for each type of index key.
_VALUES: dict[str, Any] = {"S": "any", "N": "0", "B": b"any"}


def check_operations(
    items: ItemStore, prefix: str, index_keys: Sequence[str] = ()
) -> Iterator[Result]:
    """Try each operation on items that the application never reads; delete them in any case.

    :param items: the table, which must exist.
    :param prefix: the prefix of the items' keys, because a policy may allow only that.
    :param index_keys: special keys whose indexes exist.
    """
    options, table = items.options, items.options.table_name
    # No session and no cache entry has a key with a bare "|" here.
    sort = None if options.sort_key is None else "|doctor"
    keys = [
        items.layout.key_attributes(Key(f"{prefix}|doctor|{secrets.token_hex(8)}", sort))
        for _ in range(2)
    ]
    expiry = items.layout.expiry(items.now_ms() + LIFE_SECONDS * 1000)
    first, second = ({**key, "type": {"S": "beaker-doctor"}, **expiry} for key in keys)

    def attempt(method: str, **params: Any) -> Result:
        name = OPERATIONS[method] + (f", {params['IndexName']}" if "IndexName" in params else "")
        try:
            items.call(method, **params)
        except DynamoDBError as error:
            return failed(name, error)
        return Result(name, OK, "allowed")

    def query(name: str, value: dict[str, Any], **index: str) -> Result:
        return attempt("query", **read_params(key=Attr(name).eq(value)), Limit=1, **index)

    try:
        yield attempt("get_item", Key=keys[0])
        yield attempt("put_item", Item=first)
        yield _check_condition(items, first)
        yield attempt(
            "transact_write_items",
            TransactItems=[
                {"Delete": {"TableName": table, "Key": keys[0]}},
                {"Put": {"TableName": table, "Item": second}},
            ],
        )
        yield attempt("batch_get_item", RequestItems={table: {"Keys": keys}})
        deletes = [{"DeleteRequest": {"Key": key}} for key in keys]
        yield attempt("batch_write_item", RequestItems={table: deletes})
        if options.sort_key is not None:
            yield query(options.hash_key, first[options.hash_key])
        for name in index_keys:
            kind = options.special_types[name]
            yield query(name, {kind: _VALUES[kind]}, IndexName=index_name(name))
        yield attempt("scan", Limit=1)
        yield attempt("delete_item", Key=keys[0])
    finally:
        for key in keys:
            attempt("delete_item", Key=key)


@check("PutItem, conditional")
def _check_condition(items: ItemStore, existing: Mapping[str, Any]) -> Found:
    """Check that a failed condition returns the current item, which merging relies on."""
    # The item does not exist: this must fail.
    condition = write_params(Attr(items.options.hash_key).not_exists())
    try:
        items.call("put_item", Item=existing, **condition)
    except ConditionFailed as refused:
        if refused.reported and refused.attributes is not None:
            return OK, "refused, with the current item"
        remedy = "use a newer boto3, or another endpoint"
        return ERROR, "the error does not contain the current item", remedy
    return ERROR, "the server ignores the condition of a write", "use another endpoint"


def check_sample(items: ItemStore, settings: Settings) -> Iterator[Result]:
    """Count the types in a sample; check that the items are signed if the options sign.

    :raises DynamoDBError: a Scan is not possible.
    """
    found = items.call("scan", Limit=SAMPLE_ITEMS)["Items"]
    if not found:
        yield Result("sample", OK, "the table is empty")
        return
    types = [item.get("type", {}).get("S", "") for item in found]
    shown = Counter(name if name.startswith("beaker-") else "foreign" for name in types)
    counted = ", ".join(f"{number} {name}" for name, number in shown.most_common())
    yield Result("sample", OK, f"of {len(found)} items: {counted}")
    if settings.options.item_keys:
        own_type = CACHE_TYPE if settings.purpose == CACHE else SESSION_TYPE
        key = settings.options.hash_key
        own = [
            item
            for item, name in zip(found, types, strict=True)
            if name == own_type and item[key].get("S", "").startswith(settings.prefix)
        ]
        yield _signatures(own, settings)


@check("signatures")
def _signatures(own: list[Mapping[str, Any]], settings: Settings) -> Found:
    unsigned = sum("signature" not in item for item in own)
    if not unsigned:
        return OK, f"{len(own)} items are signed"
    text = f"{unsigned} of {len(own)} items are not signed"
    accept = settings.options.accept_unsigned
    if accept is True:
        return WARNING, f"{text}, but accepted", "wait one session.timeout"
    if accept == "plain" and settings.purpose == SESSIONS:
        remedy = "wait one session.timeout; Beaker's own middleware signs only with signing_keys"
        return WARNING, f"{text}; only their plain data is read", remedy
    remedy = "accept_unsigned = true until they have expired, if you wrote them"
    return WARNING, f"{text}, and refused", remedy
