"""Secrets that tests plant, and all that is shown to people, in which none may ever be found.

`conftest.py` watches the whole run. What botocore logs at DEBUG, bodies included, is the operator's
choice (SECURITY.md).
"""

from __future__ import annotations

import logging
import re
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import beaker.session
import pytest

from beaker_dynamodb import DynamoDBError
from tests.servers.endpoint import SECRET_ACCESS_KEY

#: Begins every secret: a session's id, a payload, a key for signatures, an access key, …
MARK = "pl4nted"
LOGGERS = ("beaker_dynamodb", "beaker")


def secret(name: str) -> str:
    """Give a secret, of letters and digits, long enough for any use."""
    return f"{MARK}{name}{'0' * 16}"


def texts(error: BaseException | None) -> Iterator[str]:
    """Give what people are shown of an exception, of its cause, and of what it was raised in."""
    if error is not None:
        yield from (str(error), repr(error), *map(repr, error.args))
        if isinstance(error, DynamoDBError):
            yield from map(repr, vars(error).values())
        yield from texts(error.__cause__)
        if not error.__suppress_context__:
            yield from texts(error.__context__)


class Watch(logging.Handler):
    """Keeps what was shown in logs, and what else it is given."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.shown: list[str] = []
        #: The ids of sessions that are secret too.
        self.ids: set[str] = set()

    @property
    def found(self) -> list[str]:
        """What was shown and holds a secret."""
        return [
            text
            for text in self.shown
            if MARK in text
            or SECRET_ACCESS_KEY in text
            or not self.ids.isdisjoint(re.findall("[0-9a-f]{32}", text))
        ]

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record, with its arguments, and with the exception that it carries."""
        self.look(record.getMessage(), repr(record.args))
        if record.exc_info:
            self.look("".join(traceback.format_exception(*record.exc_info)))

    def look(self, *shown: str) -> None:
        """Keep texts."""
        self.shown += shown

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch both loggers, at DEBUG, and leave them as they were."""
        loggers = [logging.getLogger(name) for name in LOGGERS]
        levels = [logger.level for logger in loggers]
        for logger in loggers:
            logger.addHandler(self)
            logger.setLevel(logging.DEBUG)
        yield
        for logger, level in zip(loggers, levels, strict=True):
            logger.removeHandler(self)
            logger.setLevel(level)


@contextmanager
def all_is_seen() -> Iterator[Watch]:
    """Give a watch over logs and warnings of one block."""
    watch = Watch()
    with watch.watching(), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield watch
    watch.look(*(str(warning.message) for warning in caught))


@contextmanager
def whole_run() -> Iterator[Watch]:
    """Give a watch over all that is logged, and over every error of ours that is made.

    It knows the ids of all sessions.
    """
    watch = Watch()
    make_id, init = beaker.session._session_id, DynamoDBError.__init__

    def known_id() -> str:
        id: str = make_id()
        watch.ids.add(id)
        return id

    def shown_init(error: DynamoDBError, message: str, **more: Any) -> None:
        watch.look(message, repr(more))
        init(error, message, **more)

    with watch.watching(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(beaker.session, "_session_id", known_id)
        patch.setattr(DynamoDBError, "__init__", shown_init)
        yield watch
