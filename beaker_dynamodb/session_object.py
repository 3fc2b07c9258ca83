"""The lazy session of one request, as ``environ['beaker.session']`` holds it.

It also knows what the response needs: whether a save is due or has failed, and which cookie to set.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import beaker.session

from beaker_dynamodb.errors import DynamoDBError, StoreUnavailable

log = logging.getLogger("beaker_dynamodb")


class SessionObject(beaker.session.SessionObject):  # type: ignore[misc]  # no type hints
    """Beaker's SessionObject whose sessions are all of the configured class.

    A proxy: attributes that are not its own are the session's. So its state is in ``__dict__``.

    :param environ: of the request.
    :param params: of the session; ``session_class`` among them.
    """

    def __init__(self, environ: Mapping[str, Any], **params: Any) -> None:
        # Not super(): pyramid_beaker's class, which may come next, takes other arguments.
        beaker.session.SessionObject.__init__(self, environ, **params)
        self.__dict__.update(
            _dirty=False, _marked=False, _failure=None, _unsettled=False, _cookies=()
        )

    def __len__(self) -> int:
        """Return the number of keys, Beaker's own included, as iterating does."""
        return len(self._session())

    def __bool__(self) -> bool:
        """Return True, also for an empty session: applications test whether there is a session."""
        return True

    def get_by_id(self, id: str) -> Any:
        """Return the session with this id, or None if there is none; nothing is created.

        Its methods act at once, since no response saves it: ``get_by_id(id).delete()`` logs out
        whoever has that session.

        :raises DynamoDBError: the store did not answer, or the session cannot be read.
        """
        session = new_session(self.__dict__["_params"], id=id)
        return None if session.is_new else session

    # -- changes ------------------------------------------------------------------------------

    def save(self) -> None:
        """Mark the session to be saved at the start of the response, or at the end of its body."""
        self.__dict__.update(_dirty=True, _marked=True)

    def persist(self) -> None:
        """Save the session now, if it is marked; otherwise refresh its access time if that is due.

        :raises DynamoDBError: it was not saved. The response does not try again.
        """
        with self._noting_errors():
            super().persist()
        # Only a save that succeeded announces an id.
        self.__dict__.update(_marked=False, _cookies=self._pending_cookies())

    def _pending_cookies(self) -> tuple[str, ...]:
        headers = self.__dict__["_headers"]
        if not headers.get("set_cookie") or not headers.get("cookie_out"):
            return ()
        # The browser may also have the cookie for another path or domain.
        return headers["cookie_out"].strip(), *headers.get("cookies_expired", ())

    def delete(self) -> None:
        """Delete the stored session at once, and let the cookie expire."""
        with self._noting_errors(ends=True):
            super().delete()
        self.save()

    def invalidate(self) -> None:
        """Delete the stored session at once, and start a new one with a fresh id."""
        with self._noting_errors(ends=True):
            self._session().invalidate()
        self.__dict__["_marked"] = True

    def regenerate_id(self) -> None:
        """Give the session a fresh id when it is saved."""
        with self._noting_errors(ends=True):
            self._session().regenerate_id()
        self.__dict__["_marked"] = True

    @contextmanager
    def _noting_errors(self, *, ends: bool = False) -> Iterator[None]:
        """Remember the error of the block.

        :param ends: the block ends the old id; that must not fail unnoticed.
        """
        state = self.__dict__
        try:
            yield
        except Exception as error:
            state.update(_marked=False, _failure=error, _unsettled=ends or state["_unsettled"])
            raise
        if ends:
            state["_unsettled"] = False
        if not self.unsettled:
            state["_failure"] = None

    # -- the response -------------------------------------------------------------------------

    @property
    def unsettled(self) -> bool:
        """Whether a delete or a change of id was asked for and has not been stored."""
        return self.__dict__["_unsettled"] or getattr(self.__dict__["_sess"], "unsettled", False)

    @property
    def marked(self) -> bool:
        """Whether the session was marked to be saved and no save has been tried since."""
        return bool(self.__dict__["_marked"])

    @property
    def cookies_to_set(self) -> tuple[str, ...]:
        """The values for ``Set-Cookie`` after the last save that succeeded."""
        cookies: tuple[str, ...] = self.__dict__["_cookies"]
        return cookies

    @property
    def depends_on_cookie(self) -> bool:
        """Whether the session was read, or tried to be, by the id in the request's cookie."""
        return bool(self.__dict__["_headers"]) and self.__dict__["_params"].get("use_cookies", True)

    def save_at_start(self, status: str) -> None:
        """Save at the start of the response, unless a save has already failed in this request.

        An error page (4xx or 5xx) is then sent as it is. Any other page after a failed delete or
        change of id raises that error again: it must not look like a success.

        :param status: of the response, for example ``200 OK``.
        :raises DynamoDBError: the session was not saved.
        """
        state = self.__dict__
        failure: Exception | None = state["_failure"]
        if failure is None:
            if self.accessed():
                self.persist()
            return
        error_page = status[:1] in ("4", "5")
        if isinstance(failure, StoreUnavailable):
            state["_marked"] = False
        elif self.marked or state["_params"].get("auto"):
            # The application may have put right what could not be saved.
            self._save_again(error_page)
        if self.unsettled and not error_page:
            raise failure

    def _save_again(self, error_page: bool) -> None:
        try:
            self.persist()
        except Exception as error:
            if not error_page:
                raise
            log.warning("the session of an error page was not saved: %s", describe(error))

    def save_at_end(self, *, streamed: bool) -> None:
        """Save what was marked while the body was made. Errors are logged: the page is sent.

        :param streamed: code of the application has run since the response started.
        """
        announced = self.cookies_to_set
        try:
            if self.marked or (streamed and self._changed_without_mark()):
                self.persist()
        except Exception as error:
            log.error(
                "a session that was changed after the response had started was not saved: %s",
                describe(error),
            )
            return
        if self.cookies_to_set not in ((), announced):
            log.warning(
                "a session was changed after the response had started, when its cookie could no "
                "longer be set. Create and end sessions before start_response."
            )

    def _changed_without_mark(self) -> bool:
        """Return whether `session.auto` asks for a save; not once a save has failed."""
        state = self.__dict__
        if not state["_params"].get("auto") or state["_failure"] is not None:
            return False
        with self._noting_errors():
            return self.accessed() and bool(getattr(state["_sess"], "changed", True))


def new_session(params: Mapping[str, Any], id: str | None = None) -> Any:
    """Return a session of the configured class that reads and sets no cookie.

    :param id: of the session to load; None for a new session.
    """
    session_class = params.get("session_class") or beaker.session.Session
    chosen = {} if id is None else {"id": id}
    return session_class({}, **{**params, **chosen, "use_cookies": False})


def describe(error: Exception) -> str:
    """Return an error for a log line: only this package's messages are known to hold no secret."""
    name = type(error).__name__
    return f"{name}: {error}" if isinstance(error, DynamoDBError) else name
