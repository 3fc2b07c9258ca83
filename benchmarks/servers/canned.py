"""A minimal DynamoDB server that answers immediately or after a delay.

It stores the last item per key and ignores conditions, so that it measures the client's own time.
``python -m benchmarks.servers.canned 0 2 5`` listens on one port per delay in milliseconds, prints
the ports, and runs until standard input ends. With ``--certificate FILE`` it speaks TLS 1.3.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import ssl
import sys
import zlib
from email.utils import formatdate
from typing import Any

Answer = tuple[int, dict[str, Any]]


class Tables:
    """The items, by table and key."""

    def __init__(self) -> None:
        self._hash_keys: dict[str, str] = {}
        self._items: dict[tuple[str, str], dict[str, Any]] = {}

    def answer(self, operation: str, request: dict[str, Any]) -> Answer:
        """Answer one request."""
        table = request.get("TableName", "")
        if operation == "GetItem":
            item = self._items.get((table, _value(request["Key"])))
            return 200, {} if item is None else {"Item": item}
        if operation == "PutItem":
            item = request["Item"]
            key = item[self._hash_keys[table]]
            self._items[table, _value({"": key})] = item
            return 200, {}
        if operation == "UpdateItem":
            return 200, {"Attributes": self._update(table, request)}
        if operation == "Query":
            item = self._items.get((table, _value(request["ExpressionAttributeValues"])))
            return 200, {"Items": [] if item is None else [item], "Count": int(item is not None)}
        return self._manage(operation, table, request)

    def _update(self, table: str, request: dict[str, Any]) -> dict[str, Any]:
        names = request.get("ExpressionAttributeNames", {})
        item = self._items.setdefault((table, _value(request["Key"])), dict(request["Key"]))
        updates = request.get("AttributeUpdates", {})
        new = {name: update["Value"] for name, update in updates.items()}
        for clause in request.get("UpdateExpression", "")[len("SET ") :].split(","):
            name, _, token = (part.strip() for part in clause.partition("="))
            if name:
                new[names.get(name, name)] = request["ExpressionAttributeValues"][token]
        item.update(new)
        return new

    def _manage(self, operation: str, table: str, request: dict[str, Any]) -> Answer:
        if operation == "CreateTable":
            if table in self._hash_keys:
                return 400, {"__type": "com.amazonaws.dynamodb#ResourceInUseException"}
            self._hash_keys[table] = request["KeySchema"][0]["AttributeName"]
        schema = [{"AttributeName": self._hash_keys.get(table, "id"), "KeyType": "HASH"}]
        described = {"TableName": table, "TableStatus": "ACTIVE", "KeySchema": schema}
        return 200, {"Table": described, "TableDescription": described}


def _value(attributes: dict[str, Any]) -> str:
    """Return an item's key, which is the first value in every request."""
    ((_, value),) = next(iter(attributes.values())).items()
    return str(value)


class Connection(asyncio.Protocol):
    """One keep-alive connection."""

    def __init__(self, tables: Tables, delay_seconds: float) -> None:
        self._tables = tables
        self._delay_seconds = delay_seconds
        self._received = bytearray()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Store the transport for the answers."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer every complete request."""
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            headers = dict(
                line.lower().split(b":", 1)
                for line in bytes(self._received[:end]).split(b"\r\n")[1:]
            )
            whole = end + 4 + int(headers.get(b"content-length", 0))
            if len(self._received) < whole:
                return
            body = bytes(self._received[end + 4 : whole])
            del self._received[:whole]
            # In lower case, like all headers. The operation's name follows the last dot.
            target = headers.get(b"x-amz-target", b"").decode().rpartition(".")[2]
            status, answer = self._tables.answer(_OPERATIONS.get(target, target), json.loads(body))
            self._send(status, json.dumps(answer).encode())

    def _send(self, status: int, body: bytes) -> None:
        # DynamoDB's headers (AWS developer guide, low-level API).
        head = (
            f"HTTP/1.1 {status} -\r\nServer: Server\r\nDate: {formatdate(usegmt=True)}\r\n"
            f"Content-Type: application/x-amz-json-1.0\r\nContent-Length: {len(body)}\r\n"
            f"Connection: keep-alive\r\nx-amzn-RequestId: {'A' * 52}\r\n"
            f"x-amz-crc32: {zlib.crc32(body)}\r\n\r\n"
        )
        assert self._transport is not None
        if self._delay_seconds:
            loop = asyncio.get_running_loop()
            loop.call_later(self._delay_seconds, self._transport.write, head.encode() + body)
        else:
            self._transport.write(head.encode() + body)


_OPERATIONS = {
    name.lower(): name for name in ("GetItem", "PutItem", "UpdateItem", "Query", "CreateTable")
}


async def serve(delays_ms: list[int], certificate: str | None) -> None:
    """Listen until standard input ends.

    :param certificate: file with a private key and a certificate, for TLS.
    """
    loop = asyncio.get_running_loop()
    tls, ports = None, []
    if certificate is not None:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.minimum_version = ssl.TLSVersion.TLSv1_3
        tls.load_cert_chain(certificate)
    for delay_ms in delays_ms:
        tables = Tables()

        def connection(tables: Tables = tables, seconds: float = delay_ms / 1000) -> Connection:
            return Connection(tables, seconds)

        server = await loop.create_server(connection, "127.0.0.1", 0, ssl=tls)
        ports.append(server.sockets[0].getsockname()[1])
    print(json.dumps(ports), flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("delays_ms", type=int, nargs="+")
    parser.add_argument("--certificate")
    args = parser.parse_args()
    asyncio.run(serve(args.delays_ms, args.certificate))
