"""Make calls that change a table, and wait until it can be used again."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore import xform_name

from beaker_dynamodb.dynamodb import table_state
from beaker_dynamodb.dynamodb.error_mapping import cause, translate

#: Longest wait for a table or an index; an index over a large table is filled slowly.
WAIT_SECONDS = 3600.0
#: Seconds between two lines of progress while waiting.
LINE_SECONDS = 30.0

CHANGED, KEPT, DIFFERS = "changed", "kept", "differs"


@dataclass(frozen=True)
class Step:
    """What happened to one property of the table.

    :param status: `CHANGED`, `KEPT` (was already correct), or `DIFFERS` (not changed).
    """

    status: str
    text: str


@dataclass(eq=False)
class TableChanges:
    """Makes the calls for one table.

    :param dry_run: skip the calls that change something.
    :param say: prints a line of progress.
    :param sleep: waits for a number of seconds, between two polls.
    :param clock: returns seconds.
    """

    client: Any
    name: str
    dry_run: bool = False
    say: Callable[[str], object] = lambda _: None
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.time

    def call(self, operation: str, **params: Any) -> Any:
        """Make a call for the table, and translate its errors."""
        if "ResourceArn" not in params:
            params["TableName"] = self.name
        try:
            return getattr(self.client, xform_name(operation))(**params)
        except Exception as error:
            raise translate(error, operation, self.name) from cause(error)

    def change(self, operation: str, **params: Any) -> None:
        """Make a call that changes the table, unless this is a dry run."""
        if not self.dry_run:
            self.call(operation, **params)

    def wait(
        self, what: str, ready: Callable[[Mapping[str, Any]], bool] = lambda _: True
    ) -> Mapping[str, Any] | None:
        """Wait until the table is ACTIVE and ready; a dry run does not wait.

        :param what: shown after "waiting for" in progress lines.
        :returns: the table's description, or None if the table is gone.
        """
        began = next_line = self.clock()

        def ready_or_say(now: Mapping[str, Any]) -> bool:
            nonlocal next_line
            if self.dry_run or (now["TableStatus"] == "ACTIVE" and ready(now)):
                return True
            if self.clock() >= next_line:
                seconds = self.clock() - began
                self.say(f"waiting for {what}{f' ({seconds:.0f} seconds)' * (seconds >= 1)} ...")
                next_line = self.clock() + LINE_SECONDS
            return False

        return table_state.wait_until(
            self.client,
            self.name,
            ready_or_say,
            seconds=WAIT_SECONDS,
            clock=self.clock,
            sleep=self.sleep,
        )
