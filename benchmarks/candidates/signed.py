"""The fewest possible calls per request, signed by hand, over a keep-alive connection."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
import time
from base64 import b64decode, b64encode
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from benchmarks.candidates.bare import Item, page
from benchmarks.http_clients import HTTPClient
from benchmarks.store import ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY, Store, table_name

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

SIGNED_HEADERS = "content-type;host;x-amz-date;x-amz-target"


def app(store: Store) -> WSGIApplication:
    """One GetItem, and one PutItem for a change; one connection per thread."""
    table, host, per_thread = table_name("signed"), urlsplit(store.url).netloc, threading.local()

    def call(operation: str, request: dict[str, Any]) -> Any:
        if not hasattr(per_thread, "send"):
            per_thread.send = HTTPClient(store)
        body = json.dumps({"TableName": table, **request}).encode()
        try:
            status, content = per_thread.send(headers(operation, body, host), body)
        except ConnectionError:
            # The server closed the idle connection; the next request opens another.
            per_thread.send.close()
            status, content = per_thread.send(headers(operation, body, host), body)
        answer = json.loads(content)
        if status != 200:
            raise RuntimeError(f"{operation}: {status} {answer}")
        return answer

    def get(session_id: str) -> Item:
        request = {"Key": {"id": {"S": session_id}}, "ConsistentRead": True}
        item: Item = call("GetItem", request)["Item"]
        item["data"] = {"B": b64decode(item["data"]["B"])}
        return item

    def put(item: Item) -> object:
        data = b64encode(item["data"]["B"]).decode()
        return call("PutItem", {"Item": item | {"data": {"B": data}}})

    return page(get, put)


def headers(operation: str, body: bytes, host: str) -> dict[str, str]:
    """Return the signed headers of a request (AWS Signature Version 4)."""
    now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    kind, target = "application/x-amz-json-1.0", f"DynamoDB_20120810.{operation}"
    canonical = (
        f"POST\n/\n\ncontent-type:{kind}\nhost:{host}\nx-amz-date:{now}\nx-amz-target:{target}\n\n"
        f"{SIGNED_HEADERS}\n{hashlib.sha256(body).hexdigest()}"
    )
    scope = f"{now[:8]}/{REGION}/dynamodb/aws4_request"
    to_sign = f"AWS4-HMAC-SHA256\n{now}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    signature = hmac.new(_key(now[:8]), to_sign.encode(), hashlib.sha256).hexdigest()
    return {
        "Content-Type": kind,
        "Host": host,
        "X-Amz-Date": now,
        "X-Amz-Target": target,
        "Authorization": f"AWS4-HMAC-SHA256 Credential={ACCESS_KEY_ID}/{scope}, "
        f"SignedHeaders={SIGNED_HEADERS}, Signature={signature}",
    }


@lru_cache(maxsize=2)
def _key(day: str) -> bytes:
    key = f"AWS4{SECRET_ACCESS_KEY}".encode()
    for part in (day, REGION, "dynamodb", "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key
