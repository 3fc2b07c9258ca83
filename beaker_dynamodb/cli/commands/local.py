"""`beaker-dynamodb local`: the embedded DynamoDB in the foreground."""

from __future__ import annotations

import shlex
import signal
from threading import Event

import click

from beaker_dynamodb.cli.frame import Failed, command
from beaker_dynamodb.testing.local import EmbeddedDynamoDB


@command("local", example="local --port 8000")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8000,
    show_default=True,
    metavar="PORT",
    help="TCP port on 127.0.0.1; 0 takes a free one.",
)
def local(port: int) -> None:
    """Run the embedded DynamoDB until Ctrl-C, for development.

    Prints the lines that lead boto3, and so every option left at its default, to it. It forgets
    everything when it ends, and never deletes expired items.
    """
    ended = Event()
    signals = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, lambda *_: ended.set()) for number in signals}
    server = EmbeddedDynamoDB(port)
    try:
        with server:
            for name, value in environment(server).items():
                click.echo(f"export {name}={shlex.quote(value)}")
            click.echo(
                "Serving until Ctrl-C; paste the lines above into another terminal.", err=True
            )
            ended.wait()
    except OSError as error:
        raise Failed(f"port {port}: {error.strerror}") from error
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def environment(server: EmbeddedDynamoDB) -> dict[str, str]:
    """Give the environment variables by which boto3 finds a running server."""
    credentials = server.credentials
    return {
        "AWS_ENDPOINT_URL_DYNAMODB": server.endpoint_url,
        "AWS_DEFAULT_REGION": credentials["region_name"],
        "AWS_ACCESS_KEY_ID": credentials["aws_access_key_id"],
        "AWS_SECRET_ACCESS_KEY": credentials["aws_secret_access_key"],
    }
