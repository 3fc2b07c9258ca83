"""An embedded DynamoDB: moto's server on a loopback port of this process.

Use it for demonstrations, development and tests. It needs ``beaker-dynamodb[local]``::

    with EmbeddedDynamoDB() as dynamodb:
        client = boto3.client(
            "dynamodb", endpoint_url=dynamodb.endpoint_url, **dynamodb.credentials
        )

It forgets everything when the process ends, never deletes expired items, and reports wrong
capacity units. Amazon's DynamoDB Local is closer to the real service.
"""

from __future__ import annotations

from threading import Thread
from typing import TYPE_CHECKING, Any

from beaker_dynamodb.exceptions import ConfigurationError

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

    from beaker_dynamodb.testing._moto import MotoServer

__all__ = ["EmbeddedDynamoDB"]

#: The server checks this often, in seconds, whether to stop. stop() takes up to this long.
_POLL_INTERVAL = 0.05


class EmbeddedDynamoDB:
    """A DynamoDB that only this machine can reach; a context manager.

    It neither reads nor sets environment variables. The tables live as long as the process:
    they outlast :meth:`stop`, and all servers of a process share them.

    :param port: TCP port on 127.0.0.1; 0 picks a free one and keeps it for later starts.
    """

    def __init__(self, port: int = 0) -> None:
        self._port = port
        self._running: tuple[MotoServer, Thread] | None = None

    def start(self) -> Self:
        """Serve in a background thread until :meth:`stop`; do nothing if already running.

        :raises ConfigurationError: moto or its server is not installed.
        :raises OSError: the port is taken.
        """
        if self._running is None:
            # Imported here: it takes a quarter of a second, and moto is an optional dependency.
            try:
                from beaker_dynamodb.testing._moto import MotoServer
            except ImportError as error:
                raise ConfigurationError(
                    "the embedded DynamoDB needs moto and its server: "
                    "pip install 'beaker-dynamodb[local]'"
                ) from error
            server = MotoServer(self._port)
            self._port = server.port  # a later start() serves at the same address
            # A daemon thread, so that a program can exit without calling stop().
            thread = Thread(
                target=server.serve_forever,
                args=(_POLL_INTERVAL,),
                name="embedded-dynamodb",
                daemon=True,
            )
            thread.start()
            self._running = server, thread
        return self

    def stop(self) -> None:
        """Free the port and end the thread; do nothing if not running."""
        if self._running is not None:
            server, thread = self._running
            self._running = None
            server.shutdown()
            thread.join()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def endpoint_url(self) -> str:
        """The address, for boto3's ``endpoint_url``.

        :raises RuntimeError: it is not running.
        """
        if self._running is None:
            raise RuntimeError("the embedded DynamoDB is not running: call start() first")
        server, _ = self._running
        return f"http://{server.host}:{server.port}"

    @property
    def credentials(self) -> dict[str, Any]:
        """Region and keys for ``boto3.client``. Any values work."""
        return {
            "region_name": "eu-west-1",
            "aws_access_key_id": "embedded",
            "aws_secret_access_key": "embedded",
        }

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables that point boto3 to the running server.

        :raises RuntimeError: it is not running.
        """
        credentials = self.credentials
        return {
            "AWS_ENDPOINT_URL_DYNAMODB": self.endpoint_url,
            "AWS_DEFAULT_REGION": credentials["region_name"],
            "AWS_ACCESS_KEY_ID": credentials["aws_access_key_id"],
            "AWS_SECRET_ACCESS_KEY": credentials["aws_secret_access_key"],
        }
