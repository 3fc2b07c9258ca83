"""The faults, by the names that tests and the README's table call them."""

from __future__ import annotations

import asyncio
import json
import random
import zlib
from dataclasses import dataclass

from tests.chaos.proxy import Exchange, Fault, FaultProxy, Plan, header

#: The client's read time-out where a fault is one of time, and how long the proxy keeps it
#: waiting: for longer than that, and than the next try takes.
READ_TIMEOUT_SECONDS, HELD_SECONDS = 0.2, 0.4
MOST_LATENCY_SECONDS = 0.5


def refusal(status: int, code: str, message: str = "no") -> Fault:
    """Make a fault: the server answers with an error of AWS's, and does nothing.

    :param status: of HTTP.
    :param code: AWS's, for instance ``ThrottlingException``.
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
    """Break the connection off; the server never hears of it."""
    exchange.reset()


async def reset_after(exchange: Exchange) -> None:
    """Break the connection off when the server has done it."""
    await exchange.forward()
    exchange.reset()


async def answer_held(exchange: Exchange) -> None:
    """Answer when the client waits no more; the server has done it."""
    head, body = await exchange.forward()
    await asyncio.sleep(HELD_SECONDS)
    await exchange.reply(head + body)


async def request_held(exchange: Exchange) -> None:
    """Let the server do it when the client waits no more, and may have done something else."""
    await asyncio.sleep(HELD_SECONDS)
    await exchange.reply(b"".join(await exchange.forward()))


async def cut(exchange: Exchange) -> None:
    """Send half of the body and hang up; the server has done it."""
    head, body = await exchange.forward()
    await exchange.reply(_checked(head, body) + body[: len(body) // 2])
    exchange.hang_up()


async def garble(exchange: Exchange) -> None:
    """Send half of the body as if it were all; the server has done it."""
    head, body = await exchange.forward()
    half = body[: len(body) // 2]
    name = b"Content-Length: "
    told, meant = name + b"%d" % len(body), name + b"%d" % len(half)
    await exchange.reply(_checked(head, body).replace(told, meant) + half)


def _checked(head: bytes, body: bytes) -> bytes:
    # AWS sends the checksum with every answer, DynamoDB Local not with errors.
    if header(head, b"x-amz-crc32"):
        return head
    return head[:-2] + b"x-amz-crc32: %d\r\n\r\n" % zlib.crc32(body)


async def latency(exchange: Exchange) -> None:
    """Do everything, but slowly."""
    await asyncio.sleep(random.uniform(0, MOST_LATENCY_SECONDS))
    await exchange.reply(b"".join(await exchange.forward()))


async def silence(exchange: Exchange) -> None:
    """Never answer; the server never hears of it."""
    await asyncio.Event().wait()


def answers(proxy: FaultProxy) -> None:
    """End any fault. Unlike `FaultProxy.heal`, do not wait for exchanges that never end."""
    proxy.inject(Plan(silence, 0))


@dataclass(frozen=True)
class Kind:
    """A fault for the load to meet.

    :param code: of AWS's answer; None where there is none.
    :param slow: whether a client that meets it waits.
    :param read_timeout: the option, in seconds.
    """

    fault: Fault
    code: str | None = None
    slow: bool = False
    read_timeout: float = 2.0


def _refused(status: int, code: str) -> Kind:
    return Kind(refusal(status, code), code)


KINDS = {
    "ThrottlingException": _refused(400, "ThrottlingException"),
    "ProvisionedThroughputExceededException": _refused(
        400, "ProvisionedThroughputExceededException"
    ),
    "InternalServerError": _refused(500, "InternalServerError"),
    "503 ServiceUnavailable": _refused(503, "ServiceUnavailable"),
    "connection reset before the request arrived": Kind(reset_before),
    "connection reset after it arrived": Kind(reset_after),
    "time-out, the request arrived": Kind(
        answer_held, slow=True, read_timeout=READ_TIMEOUT_SECONDS
    ),
    "time-out, the request arrives after the next try": Kind(
        request_held, slow=True, read_timeout=READ_TIMEOUT_SECONDS
    ),
    "body cut off": Kind(cut),
    "body cut off, its length set right": Kind(garble),
    "latency of 0 to 500 ms": Kind(latency, slow=True),
}
#: Which part of the requests is faulted.
SHARES = [0.01, 0.10, 0.50, 1.00]
