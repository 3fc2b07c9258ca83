"""The check of `doctor` that looks at a sample of stored items."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from beaker_dynamodb.cli.checks import OK, WARNING, Found, Result, check
from beaker_dynamodb.cli.settings import CACHE, SESSIONS, Settings
from beaker_dynamodb.items.item import CACHE as CACHE_TYPE
from beaker_dynamodb.items.item import SESSION as SESSION_TYPE
from beaker_dynamodb.items.store import ItemStore

SAMPLE_ITEMS = 100


def check_sample(items: ItemStore, settings: Settings) -> Iterator[Result]:
    """Count the types in a sample; check that the options would write the items in the same way.

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
    own_type = CACHE_TYPE if settings.purpose == CACHE else SESSION_TYPE
    key = settings.options.hash_key
    own = [
        item
        for item, name in zip(found, types, strict=True)
        if name == own_type and item[key].get("S", "").startswith(settings.prefix)
    ]
    yield _codecs(own, settings)
    if settings.options.item_keys:
        yield _signatures(own, settings)


@check("codec")
def _codecs(own: list[Mapping[str, Any]], settings: Settings) -> Found:
    codecs = Counter(item.get("codec", {}).get("S", "none") for item in own)
    others = {codec: number for codec, number in codecs.items() if not _is_used(codec, settings)}
    if not others:
        return OK, "items are as the options write them"
    shown = ", ".join(f"{number} {codec!r}" for codec, number in others.items())
    remedy = "none needed if the options changed: an item keeps its codec until its next write"
    return WARNING, f"written with other options: {shown}", remedy


def _is_used(codec: str, settings: Settings) -> bool:
    """Return whether the options write this codec."""
    base, _, step = codec.partition(",")
    options = settings.options
    compression = "zlib" if options.compression == "auto" else options.compression
    if step not in ("", compression):
        return False
    if settings.purpose != CACHE:
        encrypted = settings.beaker.get("encrypt_key")
        return base in (("nonce+b64",) if encrypted else ("b64", "text"))
    return bool(base == options.serializer)


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
    remedy = "accept_unsigned = true while you wait for their end, if you wrote them"
    return WARNING, f"{text}, and refused", remedy
