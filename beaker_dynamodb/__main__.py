"""The command `beaker-dynamodb`, also as ``python -m beaker_dynamodb``."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command, and exit with its exit code."""
    try:
        import click  # noqa: F401
        import rich  # noqa: F401
    except ImportError as error:
        print(
            f"beaker-dynamodb: error: the command needs click and rich ({error}): "
            "pip install 'beaker-dynamodb[cli]'",
            file=sys.stderr,
        )
        sys.exit(2)
    from beaker_dynamodb.cli.main import cli

    cli(prog_name="beaker-dynamodb")


if __name__ == "__main__":
    main()
