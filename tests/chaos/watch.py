"""Finds secrets in logs, warnings and errors.

`conftest.py` watches the whole test run. Botocore's DEBUG logs, which include bodies, are not
watched (SECURITY.md).
"""

from __future__ import annotations

import logging
import re
import sys
import traceback
import warnings
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import beaker.session
import pytest

from beaker_dynamodb import DynamoDBError
from beaker_dynamodb.wsgi.cookie_header import new_id
from tests.servers.endpoint import SECRET_ACCESS_KEY

#: Prefix of the secrets in tests: session ids, payloads, signing keys, access keys, …
MARK = "pl4nted"
#: Watched loggers and their levels. The root logger also receives the records of all others.
LOGGERS = {
    "beaker_dynamodb": logging.DEBUG,
    "beaker": logging.DEBUG,
    "": logging.WARNING,
    "boto3": logging.INFO,
    "botocore": logging.INFO,
    "urllib3": logging.INFO,
}
#: Errors are collected this many errors later: their `__cause__` is set after `__init__`.
PENDING_ERRORS = 100


def secret(name: str) -> str:
    """Return a secret of letters and digits that is long enough for every option."""
    return f"{MARK}{name}{'0' * 16}"


def texts(error: BaseException | None) -> Iterator[str]:
    """Yield all texts of an exception, its cause and its context."""
    if error is not None:
        yield from (str(error), repr(error), *map(repr, error.args))
        if isinstance(error, DynamoDBError):
            yield from map(repr, vars(error).values())
        yield from texts(error.__cause__)
        if not error.__suppress_context__:
            yield from texts(error.__context__)


class Watch(logging.Handler):
    """Collects log records and other texts.

    :param all: collect all texts. If false, collect only texts with a known secret.
    """

    def __init__(self, *, all: bool = True) -> None:
        super().__init__(logging.DEBUG)
        self._all = all
        self.shown: list[str] = []
        #: Session ids, which are secrets too.
        self.ids: set[str] = set()
        self._errors: deque[DynamoDBError] = deque()

    @property
    def found(self) -> list[str]:
        """The collected texts that contain a secret."""
        return [text for text in self.shown if self._holds_secret(text)]

    def _holds_secret(self, text: str) -> bool:
        return (
            MARK in text
            or SECRET_ACCESS_KEY in text
            or not self.ids.isdisjoint(re.findall("[0-9a-f]{64}|[0-9a-f]{32}", text))
        )

    def emit(self, record: logging.LogRecord) -> None:
        self.look(record.getMessage(), repr(record.args))
        if record.exc_info:
            self.look("".join(traceback.format_exception(*record.exc_info)))

    def look(self, *shown: str) -> None:
        self.shown += [text for text in shown if self._all or self._holds_secret(text)]

    def keep(self, error: DynamoDBError) -> None:
        """Collect an error's texts later: its cause is not set yet."""
        self._errors.append(error)
        if len(self._errors) > PENDING_ERRORS:
            self.look(*texts(self._errors.popleft()))

    def look_at_errors(self) -> None:
        while self._errors:
            self.look(*texts(self._errors.popleft()))

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch the loggers, and restore them at the end."""
        before = {logging.getLogger(name): logging.getLogger(name).level for name in LOGGERS}
        for logger, level in zip(before, LOGGERS.values(), strict=True):
            logger.addHandler(self)
            logger.setLevel(level)
        yield
        for logger, level in before.items():
            logger.removeHandler(self)
            logger.setLevel(level)


#: The watch of the whole test run.
RUN = Watch(all=False)


@contextmanager
def whole_run(watch: Watch = RUN) -> Iterator[Watch]:
    """Watch all logs, and this package's warnings and exceptions, for new session ids too."""
    init, warn = DynamoDBError.__init__, warnings.warn

    def known(make_id: Callable[[], str]) -> Callable[[], str]:
        def known_id() -> str:
            id = make_id()
            watch.ids.add(id)
            return id

        return known_id

    def shown_init(error: DynamoDBError, message: str, **extra: Any) -> None:
        watch.keep(error)
        init(error, message, **extra)

    def shown_warn(
        message: Any, category: Any = None, stacklevel: int = 1, *rest: Any, **extra: Any
    ) -> None:
        # Beaker's own warnings contain an id (SECURITY.md).
        if sys._getframe(1).f_globals["__name__"].startswith("beaker_dynamodb"):
            watch.look(str(message))
        warn(message, category, stacklevel + 1, *rest, **extra)

    with watch.watching(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(beaker.session, "_session_id", known(beaker.session._session_id))
        patch.setattr("beaker_dynamodb.wsgi.session_cookie.new_id", known(new_id))
        patch.setattr(DynamoDBError, "__init__", shown_init)
        patch.setattr(warnings, "warn", shown_warn)
        yield watch
        watch.look_at_errors()


@contextmanager
def all_is_seen() -> Iterator[Watch]:
    """Yield a watch that collects all logs, warnings and package exceptions of one block."""
    watch = Watch()
    with whole_run(watch), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield watch
    watch.look(*(str(warning.message) for warning in caught))
