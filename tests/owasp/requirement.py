"""What a requirement says, and who meets it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Requirement:
    """An OWASP requirement.

    A requirement that is met by default or by an option needs a test with its name as a mark.

    :param name: the number of a requirement of ASVS, or the heading of a section of the cheat
        sheet.
    :param text: what it asks for, in a few words.
    :param default: what the package does without an option.
    :param option: the options and calls that do more.
    :param application: what is left to the application.
    :param same: requirements whose tests show this one too.
    :param level: level of an ASVS requirement, from 1 (for every application) to 3.
    """

    name: str
    text: str
    default: str = ""
    option: str = ""
    application: str = ""
    same: tuple[str, ...] = ()
    level: int | None = None

    @property
    def claimed(self) -> bool:
        """Whether the package does something for it."""
        return bool(self.default or self.option)
