"""The counts of a migration."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

#: Labels of the counts in the output of the command.
LABELS = {
    "found": "found in the old store",
    "copied": "copied",
    "already_there": "already there",
    "logged_out_since": "logged out in the new store since",
    "expired": "expired",
    "empty": "logged out before",  # Beaker leaves an empty session
    "unreadable": "damaged",
    "too_large": "too large",  # larger than 16 MB; their users are logged out
    "missing": "unaccounted for",
    "verified": "copies read back, identical",
    "changed_since": "copies read back, changed by their users",
    "differing": "copies read back, different",
}
#: Counts that are printed even if they are 0.
ALWAYS = ("found", "copied", "already_there", "logged_out_since", "expired")


@dataclass
class Report:
    """Counts of a migration. Each session found has one outcome, from `copied` to `too_large`.

    :param copied: in a dry run, sessions that would be written.
    :param opaque: copied, but only the application can read their payload.
    :param foreign: items in the old store that are not sessions. ``found`` excludes them.
    :param write_units: write capacity units, computed from the size of the items.
    :param refused_writes: writes whose condition failed, because a user or another run wrote first.
    :param refused_units: their units, computed too, because DynamoDB does not report them.
    """

    found: int = 0
    copied: int = 0
    already_there: int = 0
    logged_out_since: int = 0
    expired: int = 0
    empty: int = 0
    unreadable: int = 0
    too_large: int = 0
    opaque: int = 0
    foreign: int = 0
    verified: int = 0
    changed_since: int = 0
    differing: int = 0
    write_units: int = 0
    refused_writes: int = 0
    refused_units: int = 0

    @property
    def missing(self) -> int:
        """Number of sessions found that have no outcome."""
        ended = self.logged_out_since + self.expired + self.empty
        failed = self.unreadable + self.too_large
        return self.found - (self.copied + self.already_there + ended + failed)

    @property
    def complete(self) -> bool:
        """Whether no session is unaccounted for or too large, and no copy read back differs."""
        return not (self.missing or self.differing or self.too_large)

    def as_dict(self) -> dict[str, Any]:
        """Return the counts, with `missing` and `complete`."""
        return {**asdict(self), "missing": self.missing, "complete": self.complete}
