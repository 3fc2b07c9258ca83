"""What became of the sessions that a migration found, in numbers."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass
class Report:
    """What a migration did. ``found`` is the sum of the seven counts after it.

    :param found: sessions in the old store.
    :param copied: written to the new one; in a dry run: would be, if they are not there yet.
    :param already_there: in the new one before, or copied there by an earlier run.
    :param logged_out_since: copied by an earlier run, and gone from the new store since, though
        it was used in the old one.
    :param expired: not used for so long that they have ended.
    :param empty: what Beaker leaves of a session that was logged out.
    :param unreadable: damaged; Beaker could not read them either.
    :param too_large: larger than the new store can take; their users are logged out.
    :param opaque: of those copied, those whose payload only the application can read.
    :param foreign: things in the old store that are no sessions; not among ``found``.
    :param verified: of those copied, those that were read back and are the same.
    :param changed_since: read back, but their users were quicker.
    :param differing: read back, and not the same.
    :param write_units: write capacity units, by the sizes of the items.
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

    @property
    def missing(self) -> int:
        """Sessions that were found and are in none of the seven counts."""
        return self.found - (
            self.copied
            + self.already_there
            + self.logged_out_since
            + self.expired
            + self.empty
            + self.unreadable
            + self.too_large
        )

    @property
    def complete(self) -> bool:
        """Whether every session that lives is in the new store, as it was in the old one."""
        return not (self.missing or self.differing or self.too_large)

    def as_dict(self) -> dict[str, Any]:
        """Give the counts, and whether they are all right."""
        return {**asdict(self), "missing": self.missing, "complete": self.complete}
