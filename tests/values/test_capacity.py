"""What compression saves of a session's write capacity, counted, and the README's table of it."""

from __future__ import annotations

import json
import re
import secrets
import zlib
from base64 import b64encode
from pathlib import Path
from random import Random
from typing import Any

import pytest
from beaker.util import PickleSerializer

from beaker_dynamodb.config.parse import parse
from beaker_dynamodb.items import compression
from beaker_dynamodb.items.item import SESSION, Item, Layout, item_size
from beaker_dynamodb.items.keys import Keys
from tests.values import NEW, codec

README = Path(__file__).parent.parent.parent / "README.md"

#: DynamoDB bills a write by started units of so many bytes (AWS developer guide, capacity).
WRITE_UNIT_BYTES = 1024
WORDS = ["cotton", "linen", "wool", "long", "short", "sleeve", "slim", "wide", "black", "blue"]


def shop_session(lines: int) -> dict[str, Any]:
    """Give what a shop keeps in a session: who it is, what they have seen, a basket.

    :param lines: of the basket.
    """
    random = Random(lines)
    return {
        "_accessed_time": 1_700_000_123.456789,
        "_creation_time": 1_700_000_000.123456,
        "user_id": random.randrange(10**6),
        "csrf_token": f"{random.getrandbits(160):040x}",
        "language": "en-GB",
        "recently_seen": [random.randrange(10**6) for _ in range(10)],
        "basket": [
            {
                "product_id": random.randrange(10**6),
                "title": " ".join(random.choices(WORDS, k=4)).capitalize(),
                "quantity": random.randrange(1, 5),
                "price": f"{random.randrange(5, 90)}.90",
                "currency": "EUR",
                "image": f"/static/products/{random.randrange(10**6):06}/thumbnail.jpg",
                "in_stock": True,
            }
            for _ in range(lines)
        ],
    }


def stored_size(data: dict[str, Any], **options: Any) -> int:
    """Give the size of a session's item in bytes, as DynamoDB counts it."""
    parsed, used = parse(options), codec(**options)
    payload = b64encode(PickleSerializer().dumps(data)).decode()
    item = Item(
        Keys(parsed).session("0123456789abcdef" * 2),
        SESSION,
        *used.encode_session(payload),
        created_ms=1_700_000_000_123,
        deadline_ms=1_700_003_600_123,
        accessed_ms=1_700_000_123_456,
        version=7,
        writer=secrets.token_urlsafe(9),
    )
    used.sign(item)
    return item_size(Layout(parsed).attributes(item))


def units(size: int) -> int:
    """Give the write capacity units that an item of so many bytes costs."""
    return -(-size // WRITE_UNIT_BYTES)


def test_readme() -> None:
    """The README's table of sizes and write units is what is counted here."""
    rows = ["| lines in the basket | `off` | `auto` | `auto`, signed |", "|---|---|---|---|"]
    for lines in (1, 10, 20, 200):
        data = shop_session(lines)
        cells = [
            f"{size / 1024:.1f} KB, {units(size)} units".replace(" 1 units", " 1 unit")
            for size in (
                stored_size(data, compression="off"),
                stored_size(data),
                stored_size(data, signing_keys=NEW),
            )
        ]
        rows.append(f"| {lines} | {' | '.join(cells)} |")
    expected = "\n".join(rows)
    written = re.search(r"<!-- sizes -->\n(.*?)\n<!-- /sizes -->", README.read_text(), re.DOTALL)
    assert written is not None
    assert expected == written.group(1), f"README.md should say:\n\n{expected}\n"


def test_signature_size() -> None:
    """A signature makes an item 41 bytes larger: 32, and its attribute's name."""
    data = shop_session(20)
    assert 41 == stored_size(data, signing_keys=NEW) - stored_size(data)


@pytest.mark.parametrize("kind", ["value", "session"])
def test_small_and_unsigned(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is small and not signed is neither compressed nor hashed, on the way in or out."""
    used = codec()
    asked: list[str] = []

    def ask(*_: object) -> Any:
        asked.append("asked")
        raise AssertionError

    monkeypatch.setattr(zlib, "compress", ask)
    monkeypatch.setattr(zlib, "decompressobj", ask)
    monkeypatch.setattr(compression, "_zstd", ask)
    monkeypatch.setattr("hmac.new", ask)
    payload = b64encode(json.dumps({"name": "Ada"}).encode()).decode()
    encoded = used.encode_value(payload) if kind == "value" else used.encode_session(payload)
    item = Item(Keys(parse({})).session("0123"), SESSION, *encoded, 0, None)
    used.sign(item)
    assert payload == used.decode(item)
    assert [] == asked
