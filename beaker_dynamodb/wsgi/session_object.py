"""The lazy session of one request, as ``environ['beaker.session']`` holds it.

It also knows what the response needs: whether a save is due or has failed, and which cookie to set.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

import beaker.session

from beaker_dynamodb.exceptions import DynamoDBError, StoreUnavailable

log = logging.getLogger("beaker_dynamodb")


class SessionObject(beaker.session.SessionObject):  # type: ignore[misc]  # no type hints
    """Beaker's SessionObject whose sessions are all of the configured class.

    A proxy: assigned attributes are the session's. So its own state is assigned in ``__dict__``.

    :param environ: of the request.
    :param params: of the session; ``session_class`` among them.
    """

    #: Whether the session was marked to be saved and no save has been tried since.
    marked = False
    #: The values for ``Set-Cookie`` after the last save that succeeded.
    cookies_to_set: tuple[str, ...] = ()
    #: The error of the last save, if it failed.
    _failure: Exception | None = None
    #: Whether an attempt to end the session's id has failed.
    _end_failed = False

    def __len__(self) -> int:
        """Return the number of keys, Beaker's own included, as iterating does."""
        return len(self._session())

    def __bool__(self) -> bool:
        """Return True, also for an empty session: applications test whether there is a session."""
        return True

    def get_by_id(self, id: str) -> Any:
        """Return the session with this id, or None if there is none; nothing is created.

        Its methods act at once, since no response saves it: ``get_by_id(id).delete()`` ends
        that session.

        :raises DynamoDBError: the store did not answer, or the session cannot be read.
        """
        session = new_session(self.__dict__["_params"], id=id)
        return None if session.is_new else session

    # -- changes ------------------------------------------------------------------------------

    def save(self) -> None:
        """Mark the session to be saved at the start of the response, or at the end of its body."""
        self.__dict__.update(_dirty=True, marked=True)

    def persist(self) -> None:
        """Save the session now, if it is marked; otherwise refresh its access time if that is due.

        :raises DynamoDBError: it was not saved. The response does not try again.
        """
        try:
            super().persist()
        except Exception as error:
            self._failed(error)
            raise
        self._succeeded()
        # Only a save that succeeded announces an id.
        self.__dict__.update(marked=False, cookies_to_set=self._pending_cookies())

    def _pending_cookies(self) -> tuple[str, ...]:
        headers = self.__dict__["_headers"]
        if not headers.get("set_cookie") or not headers.get("cookie_out"):
            return ()
        # The browser may also have the cookie for another path or domain.
        return headers["cookie_out"].strip(), *headers.get("cookies_expired", ())

    def delete(self) -> None:
        """Delete the stored session at once, and let the cookie expire."""
        self._end(super().delete)
        self.save()

    def invalidate(self) -> None:
        """Delete the stored session at once, and start a new one with a fresh id."""
        self._end(lambda: self._session().invalidate())

    def regenerate_id(self) -> None:
        """Change the id when the session is saved."""
        self._end(lambda: self._session().regenerate_id())

    def _end(self, act: Callable[[], None]) -> None:
        """End the session's id, which must not fail unnoticed."""
        try:
            act()
        except Exception as error:
            self.__dict__["_end_failed"] = True
            self._failed(error)
            raise
        self.__dict__.update(_end_failed=False, marked=True)
        self._succeeded()

    def _failed(self, error: Exception) -> None:
        self.__dict__.update(marked=False, _failure=error)

    def _succeeded(self) -> None:
        if self._failure is not None and not self.unsettled:
            self.__dict__["_failure"] = None

    # -- the response -------------------------------------------------------------------------

    @property
    def unsettled(self) -> bool:
        """Whether a delete or a change of id was asked for and has not been stored."""
        return self._end_failed or getattr(self.__dict__["_sess"], "unsettled", False)

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
        failure = self._failure
        if failure is None:
            if self.accessed():
                self.persist()
            return
        error_page = status[:1] in ("4", "5")
        if isinstance(failure, StoreUnavailable):
            self.__dict__["marked"] = False
        elif self.marked or self._auto:
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
            # With `session.auto` a change needs no mark. Once a save has failed it does.
            unmarked = streamed and self._auto and self._failure is None and self.accessed()
            if self.marked or (unmarked and self._changed()):
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

    @property
    def _auto(self) -> bool:
        return bool(self.__dict__["_params"].get("auto"))

    def _changed(self) -> bool:
        try:
            return bool(getattr(self.__dict__["_sess"], "changed", True))
        except Exception as error:
            self._failed(error)
            raise


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
