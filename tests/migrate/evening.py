"""One evening's move from files to DynamoDB while users are logged in.

``python -m tests.migrate.evening`` prints the transcript of docs/howto/move-sessions.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from click.testing import CliRunner

from beaker_dynamodb.cli.main import cli
from tests.beaker import Browser, aws_is
from tests.servers.endpoint import Endpoint

TO = "dynamodb://eu-west-1/myapp-sessions"
#: What differs between two runs, and what the page shows.
SHOWN = {
    r"file://\S+": "file:///var/cache/myapp",
    r"/\S+/container_file": "/var/cache/myapp/container_file",
    r"http://127\.0\.0\.1:\d+": "https://dynamodb.eu-west-1.amazonaws.com",
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ": "2026-11-26T19:00:00Z",
}


class Evening:
    """The users, both applications, and the command.

    :param folder: ``data_dir`` of the old application.
    """

    def __init__(self, folder: Path, endpoint: Endpoint) -> None:
        self._old = {"type": "file", "data_dir": str(folder), "timeout": 1800}
        self._new = {**endpoint.options, "table_name": "myapp-sessions", "timeout": 1800}
        self._from = f"file://{folder}"
        self.users: dict[str, Browser] = {}
        self.transcript = ""

    def log_in(self, *users: str) -> None:
        for user in users:
            self.users[user] = Browser(self._old)
            self.users[user].save(user=user, basket=[])

    def on(self, side: str, user: str, action: Callable[[Any], Any]) -> Any:
        """Make a user's request to the ``old`` or the ``new`` application."""
        browser = Browser(self._old if side == "old" else self._new)
        browser.web.cookiejar = self.users[user].web.cookiejar
        return browser.visit(action)

    def note(self, text: str) -> None:
        self.transcript += f"# {text}\n"

    def migrate(self, *flags: str) -> None:
        arguments = ["migrate", "--from", self._from, "--to", TO, "--timeout", "1800", *flags]
        result = CliRunner().invoke(cli, arguments, catch_exceptions=False)
        assert (0, "") == (result.exit_code, result.stderr), result.output
        self.transcript += f"$ beaker-dynamodb {' '.join(arguments)}\n{result.stdout}\n"


def move(folder: Path, endpoint: Endpoint) -> tuple[str, dict[str, Any]]:
    """Return the transcript, and what each user finds in the new application afterwards."""
    with aws_is(endpoint):
        evening = Evening(folder, endpoint)
        evening.log_in("ann", "bob", "cyd", "dan")
        evening.note("The old application serves ann, bob, cyd and dan.")
        evening.migrate("--create", "--dry-run")
        evening.migrate("--create")
        evening.note("Half of the servers now run the new application: ann buys there. bob and cyd")
        evening.note("buy on the old side, where eve logs in. Then bob logs out on the new side.")
        evening.on("new", "ann", buy)
        evening.on("old", "bob", buy)
        evening.on("old", "cyd", buy)
        evening.on("new", "bob", lambda session: session.delete())
        evening.log_in("eve")
        evening.note("The old application stops. The same command again brings cyd's purchase and")
        evening.note("eve, leaves ann's newer session alone, and does not bring bob back.")
        evening.migrate("--create")
        found = {
            user: evening.on(
                "new", user, lambda session: (session.get("user"), session.get("basket"))
            )
            for user in evening.users
        }
    return shown(evening.transcript.rstrip()), found


def buy(session: Any) -> None:
    session["basket"] = [*session.get("basket", ()), "tea"]
    session.save()


def seen(session: Any) -> tuple[Any, Any]:
    return session.get("user"), session.get("basket")


def shown(transcript: str) -> str:
    """Return a transcript without what differs between two runs."""
    for pattern, replacement in SHOWN.items():
        transcript = re.sub(pattern, replacement, transcript)
    return transcript


if __name__ == "__main__":
    from tests.conftest import dynamodb_local, pytest_configure

    pytest_configure()
    with dynamodb_local() as endpoint, TemporaryDirectory() as folder:
        print(move(Path(folder), endpoint)[0])
