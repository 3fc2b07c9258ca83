"""`beaker-dynamodb local`."""

from __future__ import annotations

import shlex
import signal
from threading import Event

import click

from beaker_dynamodb.cli.command import Failed, command
from beaker_dynamodb.testing.local import EmbeddedDynamoDB


@command("local", changes=True, example="local --port 8000")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8000,
    show_default=True,
    metavar="PORT",
    help="TCP port on 127.0.0.1; 0 picks a free one.",
)
def local(port: int) -> None:
    """Run the embedded DynamoDB until Ctrl-C, for development.

    Prints the environment variables that point boto3 to it. It forgets everything when it ends,
    and never deletes expired items.
    """
    stop = Event()
    signals = (signal.SIGINT, signal.SIGTERM)
    previous = {number: signal.signal(number, lambda *_: stop.set()) for number in signals}
    server = EmbeddedDynamoDB(port)
    try:
        with server:
            for name, value in server.environment.items():
                click.echo(f"export {name}={shlex.quote(value)}")
            click.echo(
                "Serving until Ctrl-C; paste the lines above into another terminal.", err=True
            )
            stop.wait()
    except OSError as error:
        raise Failed(f"port {port}: {error.strerror}") from error
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
