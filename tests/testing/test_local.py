"""The embedded DynamoDB, and the command that runs it."""

from __future__ import annotations

import http.client
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import boto3
import pytest
from click.testing import CliRunner

from beaker_dynamodb.cli.main import cli
from beaker_dynamodb.exceptions import ConfigurationError
from beaker_dynamodb.testing.local import EmbeddedDynamoDB
from tests.servers.endpoint import Endpoint, create_table


def test_a_stopped_server_frees_its_port_and_threads() -> None:
    before = set(threading.enumerate())
    with EmbeddedDynamoDB() as server:
        address = urlsplit(server.endpoint_url)
        assert "127.0.0.1" == address.hostname  # no other machine can reach it
        connection = http.client.HTTPConnection("127.0.0.1", address.port, timeout=5)
        connection.request("GET", "/")
        connection.getresponse().read()
        started = set(threading.enumerate()) - before
    assert "embedded-dynamodb" in {thread.name for thread in started}
    for thread in started:
        thread.join(timeout=5)  # the one that answered may not have ended yet
    assert not any(thread.is_alive() for thread in started)
    with pytest.raises(ConnectionRefusedError):
        connection.request("GET", "/")
    with EmbeddedDynamoDB(address.port or 0) as again:
        assert address.geturl() == again.endpoint_url


def test_its_environment_points_boto3_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with EmbeddedDynamoDB() as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        client = boto3.Session().client("dynamodb")
        assert server.endpoint_url == client.meta.endpoint_url
        assert "TableNames" in client.list_tables()


def test_start_and_stop_can_be_repeated() -> None:
    server = EmbeddedDynamoDB()
    server.stop()
    url = server.start().endpoint_url
    assert url == server.start().endpoint_url
    server.stop()
    server.stop()
    with pytest.raises(RuntimeError, match="not running"):
        _ = server.endpoint_url
    with server:
        assert server.endpoint_url.startswith("http://127.0.0.1:")


def test_a_taken_port_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        with pytest.raises(OSError, match="in use"):
            EmbeddedDynamoDB(port).start()
        result = CliRunner().invoke(cli, ["local", "--port", str(port)])
    assert (1, "") == (result.exit_code, result.stdout)
    assert f"port {port}: " in result.stderr


def test_requests_print_nothing_and_change_no_environment_variable(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    table_name: str,
) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    environment = dict(os.environ)
    caplog.set_level(logging.INFO, "werkzeug")
    with EmbeddedDynamoDB() as server:
        client = boto3.session.Session().client(
            "dynamodb", endpoint_url=server.endpoint_url, **server.credentials
        )
        create_table(client, table_name)
        assert "ACTIVE" == client.describe_table(TableName=table_name)["Table"]["TableStatus"]
        client.close()
    assert environment == dict(os.environ)
    assert [] == [record for record in caplog.records if record.name == "werkzeug"]
    assert ("", "") == capfd.readouterr()


def test_without_moto_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "beaker_dynamodb.testing._moto", raising=False)
    monkeypatch.setitem(sys.modules, "moto.moto_server.werkzeug_app", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'beaker-dynamodb\[local\]'"):
        EmbeddedDynamoDB().start()


def test_conditional_writes_are_atomic(moto_endpoint: Endpoint, table_name: str) -> None:
    client = moto_endpoint.client
    create_table(client, table_name)
    together = threading.Barrier(8)

    def put(_: int) -> bool:
        together.wait()
        try:
            client.put_item(
                TableName=table_name,
                Item={"id": {"S": "a"}},
                ConditionExpression="attribute_not_exists(#id)",
                ExpressionAttributeNames={"#id": "id"},
            )
        except client.exceptions.ConditionalCheckFailedException:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        assert [False] * 7 + [True] == sorted(threads.map(put, range(8)))


@pytest.mark.full
def test_the_command_serves_until_a_signal() -> None:
    command = [sys.executable, "-W", "error", "-m", "beaker_dynamodb", "local", "--port", "0"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        lines = [server.stdout.readline().strip() for _ in range(4)]
        exported = dict(line.removeprefix("export ").split("=", 1) for line in lines)
        result = CliRunner().invoke(cli, ["create-table"], env=exported)
        assert "+ table 'sessions' created" in result.stdout
        server.send_signal(signal.SIGINT)
        rest, said = server.communicate()
    assert (0, "") == (server.returncode, rest)
    assert 1 == said.count("\n")
