"""``environ['beaker.session']``: the lazy session of one request.

It also tells the response whether a save is due or has failed, and which cookies to set.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

import beaker.session

from beaker_dynamodb.exceptions import DynamoDBError, StoreUnavailable
from beaker_dynamodb.wsgi.cookie_options import over_https

log = logging.getLogger("beaker_dynamodb")


class SessionObject(beaker.session.SessionObject):  # type: ignore[misc]  # no type hints
    """Beaker's SessionObject, but every session is of the configured class.

    It is a proxy: assigning an attribute sets it on the session. Its own state is therefore set
    through ``__dict__``.
    """

    #: Whether the session is waiting to be saved.
    marked = False
    #: The ``Set-Cookie`` values after the last successful save.
    cookies_to_set: tuple[str, ...] = ()
    #: The error of the last save, if it failed.
    _failure: Exception | None = None
    #: Whether ending the session or changing its id failed.
    _end_failed = False

    def __len__(self) -> int:
        """Return the number of keys. Like iteration, this includes Beaker's own."""
        return len(self._session())

    def __bool__(self) -> bool:
        """Return True even if the session is empty: applications test whether a session exists."""
        return True

    def _session(self) -> Any:
        session = self.__dict__["_sess"]
        if session is not None:
            return session
        params = self.__dict__["_params"]
        if params.get("secure") is None:
            params["secure"] = over_https(self.__dict__["_environ"])
        session = super()._session()
        # Beaker no longer needs it. It refers to this object, so each request's data would stay in
        # memory until the garbage collector finds the cycle.
        self.__dict__.pop("_environ", None)  # another thread of the request may have come first
        return session

    def get_by_id(self, id: str) -> Any:
        """Return the session with this id, or None if it does not exist.

        It does not belong to a response, so its methods act immediately, for example
        ``get_by_id(id).delete()``.

        :raises DynamoDBError: the store is unavailable, or the session cannot be decoded.
        """
        session = new_session(self.__dict__["_params"], id=id)
        return None if session.is_new else session

    def save(self) -> None:
        """Mark the session to be saved when the response starts, or when its body ends."""
        self.__dict__.update(_dirty=True, marked=True)

    def persist(self) -> None:
        """Save the session now if it is marked; otherwise refresh its access time if due.

        :raises DynamoDBError: the session was not saved. The response does not retry the save.
        """
        try:
            super().persist()
        except Exception as error:
            self._failed(error)
            raise
        self._succeeded()
        # No cookie is set before a successful save.
        self.__dict__.update(marked=False, cookies_to_set=self._pending_cookies())

    def _pending_cookies(self) -> tuple[str, ...]:
        headers = self.__dict__["_headers"]
        if not headers.get("set_cookie") or not headers.get("cookie_out"):
            return ()
        # The browser may have the cookie under another path or domain, too.
        return headers["cookie_out"].strip(), *headers.get("cookies_expired", ())

    @property
    def _cookie_terms(self) -> object:
        """Value, domain, path and lifetime of the cookie to set.

        None without a cookie, or if only its expiry changed: then nothing is lost if it comes too
        late.
        """
        cookies = self.cookies_to_set
        return self.__dict__["_headers"].get("cookie_terms", cookies) if cookies else None

    def delete(self) -> None:
        """Delete the stored session immediately, and expire the cookie."""
        self._end(super().delete)
        self.save()

    def invalidate(self) -> None:
        """Delete the stored session immediately, and start a new one with a new id."""
        self._end(lambda: self._session().invalidate())

    def regenerate_id(self) -> None:
        """Change the session's id when it is saved."""
        self._end(lambda: self._session().regenerate_id())

    def logged_in(self) -> None:
        """Record a log-in, and mark the session to be saved; see `DynamoDBSession.logged_in`."""
        self._session().logged_in()
        self.save()

    def set_timeout(self, seconds: float | None) -> None:
        """Set the session's own timeout, and mark the session to be saved.

        See `DynamoDBSession.set_timeout`.
        """
        self._session().set_timeout(seconds)
        self.save()

    def _end(self, act: Callable[[], None]) -> None:
        """End the session or change its id, and remember whether that failed."""
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

    @property
    def unsettled(self) -> bool:
        """Whether a delete or an id change was requested but is not stored yet."""
        return self._end_failed or getattr(self.__dict__["_sess"], "unsettled", False)

    @property
    def depends_on_cookie(self) -> bool:
        """Whether the application tried to read the session of the request's cookie."""
        return bool(self.__dict__["_headers"]) and self.__dict__["_params"].get("use_cookies", True)

    def save_at_start(self, status: str) -> None:
        """Save the session when the response starts, unless a save has already failed.

        After a failed save, an error page (4xx or 5xx) is sent as it is. For any other page, the
        error of a failed delete or id change is raised again: it must not look like a success.

        :param status: the response's status, for example ``200 OK``.
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
            # The application may have corrected the data.
            self._save_again(error_page)
        if self.unsettled and not error_page:
            raise failure

    def _save_again(self, error_page: bool) -> None:
        try:
            self.persist()
        except Exception as error:
            if not error_page:
                raise
            log.warning(
                "a session was not saved, and the error page was sent anyway: %s", describe(error)
            )

    def save_at_end(self, *, streamed: bool) -> None:
        """Save changes made while the body was produced. Log errors: the page is already sent.

        :param streamed: whether application code ran after the response started.
        """
        if not (self.marked or streamed):
            return  # most requests: nothing has changed since the response started
        sent = self._cookie_terms
        try:
            # With `session.auto`, changes are saved without a call to `save`, until a save fails.
            autosave = streamed and self._auto and self._failure is None and self.accessed()
            if self.marked or (autosave and self._changed()):
                self.persist()
        except Exception as error:
            log.error(
                "a session that changed after the response started was not saved: %s",
                describe(error),
            )
            return
        if self._cookie_terms not in (None, sent):
            log.warning(
                "a session changed after the response started, too late to set its cookie. "
                "Create and end sessions before start_response."
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
    """Return a session that neither reads nor sets a cookie.

    :param id: the session to load, or None for a new session.
    """
    session_class = params.get("session_class") or beaker.session.Session
    by_id = {} if id is None else {"id": id}
    return session_class({}, **{**params, **by_id, "use_cookies": False})


def describe(error: Exception) -> str:
    """Describe an error for the log. Other packages' messages may contain secrets."""
    name = type(error).__name__
    return f"{name}: {error}" if isinstance(error, DynamoDBError) else name
