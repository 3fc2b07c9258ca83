"""The embedded DynamoDB."""

from __future__ import annotations

import http.client
import logging
import os
import socket
import sys
import threading
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import boto3
import pytest

from beaker_dynamodb.exceptions import ConfigurationError
from beaker_dynamodb.testing.local import EmbeddedDynamoDB
from tests.servers.endpoint import create_table

if TYPE_CHECKING:
    from tests.servers.endpoint import Endpoint


class TestEmbeddedDynamoDB:
    """`beaker_dynamodb.testing.local`, as a program uses it."""

    def test_a_stopped_server_leaves_nothing_behind(self) -> None:
        """The port is free again and the threads are gone."""
        before = set(threading.enumerate())
        with EmbeddedDynamoDB() as server:
            address = urlsplit(server.endpoint_url)
            port = address.port or 0
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/")
            connection.getresponse().read()
            mine = set(threading.enumerate()) - before
        assert "embedded-dynamodb" in {thread.name for thread in mine}
        for thread in mine:
            # The one that answered may still be on its way out.
            thread.join(timeout=5)
        assert not any(thread.is_alive() for thread in mine)
        with pytest.raises(ConnectionRefusedError):
            connection.request("GET", "/")
        with EmbeddedDynamoDB(port) as again:
            assert address.geturl() == again.endpoint_url

    def test_start_and_stop_can_be_repeated(self) -> None:
        """A second start or stop changes nothing, and a stopped server can start again."""
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

    def test_a_taken_port_is_an_error(self) -> None:
        """A port that somebody else listens on is an OSError, not the end of the process."""
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port: int = taken.getsockname()[1]
            with pytest.raises(OSError, match="in use"):
                EmbeddedDynamoDB(port).start()

    def test_it_listens_on_loopback_only(self) -> None:
        """No other machine can reach a server that lets everybody in."""
        with EmbeddedDynamoDB() as server:
            assert "127.0.0.1" == urlsplit(server.endpoint_url).hostname

    def test_it_is_silent_and_leaves_the_environment_alone(
        self,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
        capfd: pytest.CaptureFixture[str],
        table_name: str,
    ) -> None:
        """Requests print and log nothing, and no variable is needed, set or changed."""
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

    def test_without_moto_it_says_what_to_install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A missing extra is a ConfigurationError with the command that mends it."""
        monkeypatch.delitem(sys.modules, "beaker_dynamodb.testing._moto", raising=False)
        monkeypatch.setitem(sys.modules, "moto.moto_server.werkzeug_app", None)
        with pytest.raises(ConfigurationError, match=r"pip install 'beaker-dynamodb\[local\]'"):
            EmbeddedDynamoDB().start()

    def test_conditional_writes_are_atomic(self, moto_endpoint: Endpoint, table_name: str) -> None:
        """Of eight threads that put the same new item, one succeeds."""
        client = moto_endpoint.client
        create_table(client, table_name)
        outcomes: list[bool] = []
        together = threading.Barrier(8)

        def put() -> None:
            together.wait()
            try:
                client.put_item(
                    TableName=table_name,
                    Item={"id": {"S": "a"}},
                    ConditionExpression="attribute_not_exists(#id)",
                    ExpressionAttributeNames={"#id": "id"},
                )
            except client.exceptions.ConditionalCheckFailedException:
                outcomes.append(False)
            else:
                outcomes.append(True)

        workers = [threading.Thread(target=put) for _ in range(8)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        assert [False] * 7 + [True] == sorted(outcomes)
