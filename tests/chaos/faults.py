"""The faults, with their names in tests and in the documentation's table."""

from __future__ import annotations

import asyncio
import json
import random
import zlib
from dataclasses import dataclass

from tests.chaos.proxy import Exchange, Fault, header, pass_on

#: The client's read timeout with delay faults, and the delay. The delay is long enough for the
#: client's next attempt to finish first.
READ_TIMEOUT_SECONDS, HELD_SECONDS = 0.2, 0.4
MAX_LATENCY_SECONDS = 0.5


def refusal(status: int, code: str, message: str = "no") -> Fault:
    """Return a fault that answers with an AWS error, without forwarding the request.

    :param status: the HTTP status.
    :param code: the AWS error code, for example ``ThrottlingException``.
    """
    text = json.dumps({"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": message})
    head = (
        f"HTTP/1.1 {status} No\r\nContent-Type: application/x-amz-json-1.0\r\n"
        f"Content-Length: {len(text)}\r\n\r\n"
    )

    async def refuse(exchange: Exchange) -> None:
        await exchange.reply((head + text).encode())

    return refuse


async def reset_before(exchange: Exchange) -> None:
    exchange.reset()


async def reset_after(exchange: Exchange) -> None:
    await exchange.forward()
    exchange.reset()


async def answer_held(exchange: Exchange) -> None:
    head, body = await exchange.forward()
    await asyncio.sleep(HELD_SECONDS)
    await exchange.reply(head + body)


async def request_held(exchange: Exchange) -> None:
    await asyncio.sleep(HELD_SECONDS)
    await pass_on(exchange)


async def cut(exchange: Exchange) -> None:
    head, body = await exchange.forward()
    await exchange.reply(_checked(head, body) + body[: len(body) // 2])
    exchange.hang_up()


async def garble(exchange: Exchange) -> None:
    head, body = await exchange.forward()
    await exchange.reply(_with_half_length(head, body) + body[: len(body) // 2])


async def cut_head(exchange: Exchange) -> None:
    head, _ = await exchange.forward()
    await exchange.reply(head[: len(head) // 2])
    exchange.hang_up()


async def short_length(exchange: Exchange) -> None:
    head, body = await exchange.forward()
    await exchange.reply(_with_half_length(head, body) + body)


async def chunked(exchange: Exchange) -> None:
    head, body = await exchange.forward()
    head = _checked(head, body).replace(
        b"Content-Length: %d" % len(body), b"Transfer-Encoding: chunked"
    )
    await exchange.reply(head + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body))


async def continued(exchange: Exchange) -> None:
    head, body = await exchange.forward()
    await exchange.reply(b"HTTP/1.1 100 Continue\r\n\r\n" + head + body)


async def doubled(exchange: Exchange) -> None:
    await exchange.reply(2 * b"".join(await exchange.forward()))


async def extra_bytes(exchange: Exchange) -> None:
    await exchange.reply(b"".join(await exchange.forward()) + b"{}")


async def closed_after(exchange: Exchange) -> None:
    await pass_on(exchange)
    exchange.hang_up()


async def half_closed_after(exchange: Exchange) -> None:
    await pass_on(exchange)
    exchange.end()


def _checked(head: bytes, body: bytes) -> bytes:
    # Add the checksum that AWS sends with all responses, and DynamoDB Local not with errors.
    if header(head, b"x-amz-crc32"):
        return head
    return head[:-2] + b"x-amz-crc32: %d\r\n\r\n" % zlib.crc32(body)


def _with_half_length(head: bytes, body: bytes) -> bytes:
    told, half = (b"Content-Length: %d" % length for length in (len(body), len(body) // 2))
    return _checked(head, body).replace(told, half)


async def latency(exchange: Exchange) -> None:
    await asyncio.sleep(random.uniform(0, MAX_LATENCY_SECONDS))
    await pass_on(exchange)


async def silence(exchange: Exchange) -> None:
    """Never answer, and do not forward the request."""
    await asyncio.Event().wait()


@dataclass(frozen=True)
class Kind:
    """A fault, and its effects on a load.

    :param code: the AWS error code, or None without a response from AWS.
    :param slow: whether the fault makes clients wait.
    :param read_timeout: the option `read_timeout` for this fault, in seconds.
    """

    fault: Fault
    code: str | None = None
    slow: bool = False
    read_timeout: float = 2.0


THROTTLED = "ProvisionedThroughputExceededException"
KINDS = {
    "ThrottlingException": Kind(refusal(400, "ThrottlingException"), "ThrottlingException"),
    THROTTLED: Kind(refusal(400, THROTTLED), THROTTLED),
    "InternalServerError": Kind(refusal(500, "InternalServerError"), "InternalServerError"),
    "503 ServiceUnavailable": Kind(refusal(503, "ServiceUnavailable"), "ServiceUnavailable"),
    "connection reset before the request arrived": Kind(reset_before),
    "connection reset after it arrived": Kind(reset_after),
    "timeout, the request arrived": Kind(answer_held, slow=True, read_timeout=READ_TIMEOUT_SECONDS),
    "timeout, the request arrives after the next attempt": Kind(
        request_held, slow=True, read_timeout=READ_TIMEOUT_SECONDS
    ),
    "body cut off": Kind(cut),
    "body cut off, with a matching length": Kind(garble),
    "head cut off": Kind(cut_head),
    "body longer than its length": Kind(short_length),
    "response in chunks": Kind(chunked),
    "100 Continue before the response": Kind(continued),
    "response sent twice": Kind(doubled),
    "bytes after the response": Kind(extra_bytes),
    "connection closed while idle": Kind(closed_after),
    "connection half closed while idle": Kind(half_closed_after),
    "latency of 0 to 500 ms": Kind(latency, slow=True),
}
#: Shares of calls that fail.
SHARES = [0.01, 0.10, 0.50, 1.00]
