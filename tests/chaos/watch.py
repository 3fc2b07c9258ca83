"""Secrets that tests plant, and all that is shown to people, in which none may ever be found.

`conftest.py` watches the whole run. What botocore logs at DEBUG, bodies included, is the operator's
choice (SECURITY.md).
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
from tests.servers.endpoint import SECRET_ACCESS_KEY

#: Begins every secret: a session's id, a payload, a key for signatures, an access key, …
MARK = "pl4nted"
#: What is watched, from which level on; the root logger has what all others pass on as well.
LOGGERS = {
    "beaker_dynamodb": logging.DEBUG,
    "beaker": logging.DEBUG,
    "": logging.WARNING,
    "boto3": logging.INFO,
    "botocore": logging.INFO,
    "urllib3": logging.INFO,
}
#: So many errors are kept until one can be sure that their cause is known.
KEPT_ERRORS = 100


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
    """Keeps what was shown in logs, and what else it is given.

    :param all: False: only what holds a secret that is known by then.
    """

    def __init__(self, *, all: bool = True) -> None:
        super().__init__(logging.DEBUG)
        self._all = all
        self.shown: list[str] = []
        #: The ids of sessions that are secret too.
        self.ids: set[str] = set()
        self._errors: deque[DynamoDBError] = deque()

    @property
    def found(self) -> list[str]:
        """What was shown and holds a secret."""
        return [text for text in self.shown if self._holds_secret(text)]

    def _holds_secret(self, text: str) -> bool:
        return (
            MARK in text
            or SECRET_ACCESS_KEY in text
            or not self.ids.isdisjoint(re.findall("[0-9a-f]{32}", text))
        )

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record, with its arguments, and with the exception that it carries."""
        self.look(record.getMessage(), repr(record.args))
        if record.exc_info:
            self.look("".join(traceback.format_exception(*record.exc_info)))

    def look(self, *shown: str) -> None:
        """Keep texts, all of them or those that hold a secret."""
        self.shown += [text for text in shown if self._all or self._holds_secret(text)]

    def keep(self, error: DynamoDBError) -> None:
        """Look at an error later, when it has been raised from its cause."""
        self._errors.append(error)
        if len(self._errors) > KEPT_ERRORS:
            self.look(*texts(self._errors.popleft()))

    def look_at_errors(self) -> None:
        """Look at all errors that were kept."""
        while self._errors:
            self.look(*texts(self._errors.popleft()))

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch the loggers, and leave them as they were."""
        before = {logging.getLogger(name): logging.getLogger(name).level for name in LOGGERS}
        for logger, level in zip(before, LOGGERS.values(), strict=True):
            logger.addHandler(self)
            logger.setLevel(level)
        yield
        for logger, level in before.items():
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


def reveal(action: Callable[[], object], kind: type[Exception], watch: Watch) -> None:
    """Do what fails, and look at all that is shown of the error."""
    with pytest.raises(kind) as caught:
        action()
    watch.look(*texts(caught.value))


#: Watches the whole run.
RUN = Watch(all=False)


@contextmanager
def whole_run(watch: Watch = RUN) -> Iterator[Watch]:
    """Watch all that is logged, all warnings of ours, and every error of ours that is made.

    It knows the ids of all sessions.
    """
    make_id, init, warn = beaker.session._session_id, DynamoDBError.__init__, warnings.warn

    def known_id() -> str:
        id: str = make_id()
        watch.ids.add(id)
        return id

    def shown_init(error: DynamoDBError, message: str, **more: Any) -> None:
        watch.keep(error)
        init(error, message, **more)

    def shown_warn(
        message: Any, category: Any = None, stacklevel: int = 1, *rest: Any, **more: Any
    ) -> None:
        # Beaker's own show an id (SECURITY.md).
        if sys._getframe(1).f_globals["__name__"].startswith("beaker_dynamodb"):
            watch.look(str(message))
        warn(message, category, stacklevel + 1, *rest, **more)

    with watch.watching(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(beaker.session, "_session_id", known_id)
        patch.setattr(DynamoDBError, "__init__", shown_init)
        patch.setattr(warnings, "warn", shown_warn)
        yield watch
        watch.look_at_errors()
