"""An embedded DynamoDB: moto's server on a loopback port, in this very process.

For demonstrations, development and tests, with nothing to install but
``beaker-dynamodb[local]``::

    with EmbeddedDynamoDB() as dynamodb:
        client = boto3.client(
            "dynamodb", endpoint_url=dynamodb.endpoint_url, **dynamodb.credentials
        )

It forgets everything when the process ends, never sweeps expired items and reports capacity
units that are not DynamoDB's; Amazon's own DynamoDB Local is the better likeness.
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

# How long the serving thread waits between two looks at "shall I stop?", in seconds: about how
# long stop() takes. Requests do not wait for it.
_POLL_INTERVAL = 0.05


class EmbeddedDynamoDB:
    """A DynamoDB in this process that only this machine can reach.

    :param port: TCP port on 127.0.0.1; 0 takes a free one, which :attr:`endpoint_url` tells.

    A context manager, or :meth:`start` and :meth:`stop`. It neither reads nor sets environment
    variables. The tables belong to moto, which keeps them as long as the process lives: they
    outlast :meth:`stop`, and two of these in one process show the same tables.
    """

    def __init__(self, port: int = 0) -> None:
        self._port = port
        self._running: tuple[MotoServer, Thread] | None = None

    def start(self) -> Self:
        """Serve in a background thread until :meth:`stop`; where it already serves, do nothing.

        :raises ConfigurationError: moto is not installed, or without its server.
        :raises OSError: the port is taken.
        """
        if self._running is None:
            # Not before somebody wants it: the import takes a quarter of a second, and moto is an
            # extra that a production machine does not have.
            try:
                from beaker_dynamodb.testing._moto import MotoServer
            except ImportError as error:
                raise ConfigurationError(
                    "the embedded DynamoDB needs moto and its server: "
                    "pip install 'beaker-dynamodb[local]'"
                ) from error
            server = MotoServer(self._port)
            # A daemon, so that a program which forgot stop() can still end.
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
        """Free the port and end the thread; where nothing serves, do nothing."""
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

        :raises RuntimeError: it does not serve.
        """
        if self._running is None:
            raise RuntimeError("the embedded DynamoDB is not running: call start() first")
        server, _ = self._running
        return f"http://{server.host}:{server.port}"

    @property
    def credentials(self) -> dict[str, Any]:
        """Region and key as arguments of ``boto3.client``, which insists on some; any would do."""
        return {
            "region_name": "eu-west-1",
            "aws_access_key_id": "embedded",
            "aws_secret_access_key": "embedded",
        }
