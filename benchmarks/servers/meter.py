"""Counts calls, capacity units and bytes on the way to DynamoDB Local.

A proxy works for candidates in any language. It requests ConsumedCapacity in every call, and
removes it from the answer before counting the bytes.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from contextlib import AbstractContextManager
from http.client import HTTPConnection, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

READS = frozenset({"GetItem", "Query", "Scan", "BatchGetItem", "TransactGetItems"})
WRITES = frozenset({"PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems"})


class Meter(AbstractContextManager["Meter"]):
    """A proxy in front of a DynamoDB endpoint.

    :param endpoint_url: DynamoDB Local's address; the real DynamoDB would refuse the changed
        request.
    """

    def __init__(self, endpoint_url: str) -> None:
        self.counts: Counter[str] = Counter()
        meter, target = self, urlsplit(endpoint_url).netloc

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def setup(self) -> None:
                super().setup()
                self.onward = HTTPConnection(target)

            def finish(self) -> None:
                self.onward.close()
                super().finish()

            def send(self, body: bytes, headers: dict[str, str]) -> HTTPResponse:
                try:
                    self.onward.request("POST", "/", body, headers)
                    return self.onward.getresponse()
                except ConnectionError:
                    # The server closed the idle connection; the next request opens another.
                    self.onward.close()
                    self.onward.request("POST", "/", body, headers)
                    return self.onward.getresponse()

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                operation = self.headers["X-Amz-Target"].rpartition(".")[2]
                request = json.loads(body)
                if operation in READS | WRITES:
                    request["ReturnConsumedCapacity"] = "TOTAL"
                passed_on = json.dumps(request).encode()
                # botocore and node use different case.
                headers = {name.lower(): value for name, value in self.headers.items()}
                headers["content-length"] = str(len(passed_on))
                response = self.send(passed_on, headers)
                answer = response.read()
                self.send_response(response.status)
                for name, value in response.getheaders():
                    # send_response() has added the first two; the others apply to one hop only.
                    if name.lower() not in ("date", "server", "connection", "transfer-encoding"):
                        self.send_header(name, value)
                self.end_headers()
                # Count before the client continues, because the benchmark reads the counts then.
                meter._count(operation, len(body), json.loads(answer or b"{}"))
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def reset(self) -> None:
        """Reset the counts."""
        self.counts = Counter()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()

    def __exit__(self, *_: object) -> None:
        self.close()

    def _count(self, operation: str, sent: int, answer: dict[str, Any]) -> None:
        used = answer.pop("ConsumedCapacity", [])
        units = sum(
            table["CapacityUnits"] for table in (used if isinstance(used, list) else [used])
        )
        kind = "read" if operation in READS else "write" if operation in WRITES else "other"
        counts = self.counts
        counts[f"{kind}s"] += 1
        counts[f"{kind}_units"] += units
        counts["bytes_sent"] += sent
        # As DynamoDB writes it: JSON without spaces.
        counts["bytes_received"] += len(json.dumps(answer, separators=(",", ":")))
