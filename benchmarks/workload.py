"""The work of every candidate: session data, requests, and their mix."""

from __future__ import annotations

import json
from collections.abc import Iterator, MutableMapping
from functools import cache
from random import Random
from typing import Any

#: One of this many requests changes a key; the others only read.
CHANGE_EVERY = 10
WORDS = ["cotton", "linen", "wool", "long", "short", "sleeve", "slim", "wide", "black", "blue"]


def shop_session(random: Random) -> dict[str, Any]:
    """Return a shop's session with an empty basket: user, pages seen."""
    return {
        "user_id": random.randrange(10**6),
        "csrf_token": f"{random.getrandbits(160):040x}",
        "language": "en-GB",
        "recently_seen": [random.randrange(10**6) for _ in range(10)],
        "basket": [],
    }


def basket_line(random: Random) -> dict[str, Any]:
    """Return one product in a basket."""
    return {
        "product_id": random.randrange(10**6),
        "title": " ".join(random.choices(WORDS, k=4)).capitalize(),
        "quantity": random.randrange(1, 5),
        "price": f"{random.randrange(5, 90)}.90",
        "currency": "EUR",
        "image": f"/static/products/{random.randrange(10**6):06}/thumbnail.jpg",
        "in_stock": True,
    }


@cache
def session_json(size_kb: int) -> str:
    """Return a shop's session as JSON.

    :param size_kb: length of the JSON in KB, rounded to whole lines of the basket.
    """
    random = Random(size_kb)
    data = shop_session(random)
    while len(text := json.dumps(data)) < size_kb * 1024 - 100:
        data["basket"].append(basket_line(random))
    return text


def session_data(size_kb: int) -> dict[str, Any]:
    """Return a shop's session as a new dict."""
    data: dict[str, Any] = json.loads(session_json(size_kb))
    return data


def visit(session: MutableMapping[str, Any], path: str) -> tuple[str, bool]:
    """Serve one request.

    :param path: ``/begin/4`` puts 4 KB into the session, ``/read`` reads a key of it, ``/change``
        changes one.
    :returns: the page, and whether the session was changed.
    """
    if path.startswith("/begin/"):
        # Key by key, because some candidates do not notice an update().
        for name, value in session_data(int(path.removeprefix("/begin/"))).items():
            session[name] = value
        session["visits"] = 0
    elif path == "/change":
        session["visits"] = session["visits"] + 1
    return str(session["visits"]), path != "/read"


def mix(client: int, requests: int) -> Iterator[str]:
    """Yield the paths that one client requests. Changes are spread evenly over the clients."""
    for number in range(client, client + requests):
        yield "/change" if number % CHANGE_EVERY == 0 else "/read"
