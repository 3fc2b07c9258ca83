"""Compares HTTP clients by the processor time of one GetItem: ``python -m benchmarks.transports``.

The item has 1.2 KB and the server answers immediately, over plain HTTP and over TLS 1.3. All
clients but boto3 sign with one function and parse the JSON in the same way. Writes
``transports.json`` and ``transports.md``.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from base64 import b64decode
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

from beaker_dynamodb.dynamodb.signature import authorization
from benchmarks import machine
from benchmarks.fleet import create_table, dynamodb_client, ratio, spread
from benchmarks.goals import spread_text
from benchmarks.http_clients import CLIENTS, Exchange
from benchmarks.report import table
from benchmarks.rounds import Part, measure
from benchmarks.servers import stores
from benchmarks.store import ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY, Store

RESULTS = Path(__file__).parent / "results"
ROUNDS = 100
TABLE = "sessions-transports"
KEY = {"id": {"S": "0123456789abcdef" * 2}}
#: Size of the item's only attribute besides its key.
DATA_BYTES = 1200
CREDENTIALS: Any = SimpleNamespace(access_key=ACCESS_KEY_ID, secret_key=SECRET_ACCESS_KEY)
BOTO3 = "boto3, default client"
#: Optional packages, by the client that needs them.
PACKAGES = {"socket, httptools": "httptools", "pycurl": "pycurl"}


def get_item(exchange: Exchange, host: str) -> Any:
    """Sign and send GetItem, and return the item."""
    body = json.dumps({"TableName": TABLE, "Key": KEY, "ConsistentRead": True}).encode()
    headers = {
        "content-type": "application/x-amz-json-1.0",
        "host": host,
        "x-amz-date": time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()),
        "x-amz-target": "DynamoDB_20120810.GetItem",
    }
    lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
    headers["authorization"] = authorization(
        headers["x-amz-date"], lines, ";".join(headers), body, CREDENTIALS, REGION
    )
    status, content = exchange(headers, body)
    if status != 200:
        raise RuntimeError(f"GetItem: {status} {content[:200]!r}")
    item = json.loads(content)["Item"]
    item["data"]["B"] = b64decode(item["data"]["B"])
    return item


@contextmanager
def clients(store: Store) -> Iterator[dict[str, Part]]:
    """Yield one GetItem by each client that can run here."""
    default = dynamodb_client(store)
    create_table(default, TABLE)
    default.put_item(TableName=TABLE, Item={**KEY, "data": {"B": bytes(DATA_BYTES)}})
    by_boto3 = partial(default.get_item, TableName=TABLE, Key=KEY, ConsistentRead=True)
    parts: dict[str, Part] = {BOTO3: lambda: by_boto3()["Item"]}
    host = urlsplit(store.url).netloc
    with ExitStack() as stack:
        stack.callback(default.close)
        for name, client in CLIENTS.items():
            try:
                exchange = stack.enter_context(closing(client(store)))
            except ModuleNotFoundError as error:
                if error.name != PACKAGES.get(name):
                    raise
            else:
                parts[name] = partial(get_item, exchange, host)
        yield parts


def compare(rounds: int) -> dict[str, Any]:
    """Measure all clients in interleaved rounds."""
    with (
        machine.described("python -m benchmarks.transports") as about,
        stores.canned((0,)) as (plain,),
        stores.canned_tls() as tls,
        clients(plain) as over_plain,
        clients(tls) as over_tls,
    ):
        parts = {(name, "plain"): part for name, part in over_plain.items()}
        parts |= {(name, "TLS"): part for name, part in over_tls.items()}
        measured = measure(parts, rounds)
        about["versions"] |= {
            package: version(package)
            for name, package in PACKAGES.items()
            if (name, "TLS") in parts
        }
    about["rounds"] = rounds
    rows = [
        {
            "client": name,
            "transport": transport,
            "processor_us": spread(values),
            "ratio": ratio(values, measured[BOTO3, transport]),
        }
        for (name, transport), values in measured.items()
    ]
    left_out = {
        name: f"{package} is not installed (benchmarks/requirements.txt)"
        for name, package in PACKAGES.items()
        if (name, "plain") not in parts
    }
    return {"about": about, "left_out": left_out, "rows": rows}


def markdown(result: dict[str, Any]) -> str:
    """Return the result as a table, with the reason why a client did not run."""
    cells = {
        (row["client"], row["transport"]): (
            spread_text(row["processor_us"], ".0f"),
            spread_text(row["ratio"], ".2f"),
        )
        for row in result["rows"]
    }
    rows = []
    for name in (BOTO3, *CLIENTS):
        reason = (result["left_out"].get(name), "")
        rows.append((name, *cells.get((name, "plain"), reason), *cells.get((name, "TLS"), reason)))
    head = ["one GetItem", "plain, µs", "to boto3", "TLS 1.3, µs", "to boto3"]
    ran_on = machine.text(result["about"], {})
    rounds = f"Median, minimum and maximum of {result['about']['rounds']} interleaved rounds."
    return f"{ran_on}\n\n{rounds}\n\n{table(head, rows)}\n"


def main(arguments: list[str]) -> None:
    """Measure, print and store the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.transports")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for the result")
    args = parser.parse_args(arguments)
    result = compare(args.rounds)
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "transports.json").write_text(json.dumps(result, indent=1) + "\n")
    (args.out / "transports.md").write_text(markdown(result))
    print(markdown(result))


if __name__ == "__main__":
    main(sys.argv[1:])
