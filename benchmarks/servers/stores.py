"""Starts and stops the stores."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.store import Store
from tests.servers.dynamodb_local import KEEPER, DynamoDBLocal

ROOT = Path(__file__).parents[2]


@contextmanager
def dynamodb_local() -> Iterator[Store]:
    """Start DynamoDB Local, in memory."""
    server = DynamoDBLocal(ROOT / ".cache" / "dynamodb-local")
    try:
        yield Store("DynamoDB Local", "dynamodb", server.endpoint_url)
    finally:
        server.stop()


@contextmanager
def canned(delays_ms: tuple[int, ...], certificate: str = "") -> Iterator[list[Store]]:
    """Start canned servers, one store per delay.

    :param certificate: file with a private key and a certificate, for TLS.
    """
    command = [sys.executable, "-m", "benchmarks.servers.canned", *map(str, delays_ms)]
    command += ["--certificate", certificate] if certificate else []
    scheme = "https" if certificate else "http"
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        ports = json.loads(server.stdout.readline())
        yield [
            Store(f"canned, {delay_ms} ms", "dynamodb", f"{scheme}://127.0.0.1:{port}")
            for delay_ms, port in zip(delays_ms, ports, strict=True)
        ]
        server.communicate()  # closes its input, which ends it


@contextmanager
def canned_tls() -> Iterator[Store]:
    """Start a canned server that answers immediately, over TLS 1.3 with its own certificate."""
    import trustme

    authority = trustme.CA()
    with TemporaryDirectory() as folder:
        ca_bundle, chain = f"{folder}/ca.pem", f"{folder}/server.pem"
        authority.cert_pem.write_to_path(ca_bundle)
        authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(chain)
        with canned((0,), chain) as (store,):
            yield replace(store, name="canned, TLS", ca_bundle=ca_bundle)


@contextmanager
def redis() -> Iterator[Store | None]:
    """Start a redis-server without persistence; yield None if it is not installed."""
    program = shutil.which("redis-server")
    if program is None:
        yield None
        return
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    arguments = ["--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no"]
    with (
        TemporaryDirectory() as folder,
        # The keeper ends it when its own standard input ends.
        subprocess.Popen(
            [sys.executable, "-I", "-S", str(KEEPER), program, *arguments, "--dir", folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
        ) as server,
    ):
        for _ in range(100):
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.05)
        yield Store("Redis", "redis", f"redis://127.0.0.1:{port}/0")
        server.communicate()


@contextmanager
def relayed(store: Store, delay_ms: int) -> Iterator[Store]:
    """Simulate network latency to a store."""
    address = re.search(r":(\d+)(?=/|$)", store.url)
    assert address is not None
    command = [sys.executable, "-m", "benchmarks.servers.relay", address[1], str(delay_ms)]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as relay:
        assert relay.stdout is not None
        url = store.url.replace(address[0], f":{int(relay.stdout.readline())}")
        yield replace(store, name=f"{store.name}, {delay_ms} ms", url=url)
        relay.communicate()  # closes its input, which ends it


@contextmanager
def sqlite() -> Iterator[Store]:
    """Yield a temporary file for SQLite."""
    with TemporaryDirectory() as folder:
        yield Store("SQLite", "sqlite", f"sqlite:///{folder}/sessions.sqlite")
