"""Beaker's Session with its cookie handling corrected.

The cookie is found beside any other cookie; of several, the first that leads to a session counts;
and the configured domain and path take precedence over those stored with a session.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, MutableMapping
from datetime import datetime, timedelta, timezone
from typing import Any

from beaker.cookie import SimpleCookie
from beaker.session import Session

from beaker_dynamodb.config import converters
from beaker_dynamodb.wsgi.cookie_header import candidates

log = logging.getLogger("beaker_dynamodb")

#: In a session's data: which of ``_domain`` and ``_path`` the application set itself. Those take
#: precedence over the configuration.
CHOSEN = "_cookie_scope"


def warn_of_dropped_cookies(options: Mapping[str, Any]) -> None:
    """Log a warning if browsers would drop every cookie with these options.

    :param options: of the session, as Beaker names them.
    """
    same_site = str(options.get("samesite")) if options.get("samesite") else ""
    if same_site.lower() == "none" and not converters.boolean(options.get("secure") or False):
        log.warning(
            "session.samesite = None without session.secure = true: browsers drop a cookie with "
            "SameSite=None that is not Secure, and nobody stays logged in. Set session.secure."
        )


class SessionWithCookie(Session):  # type: ignore[misc]  # Beaker has no type hints
    """A session whose cookie is read and written as browsers expect.

    Takes the arguments of Beaker's Session.
    """

    id: str
    key: str
    request: dict[str, Any]

    def __init__(self, request: dict[str, Any], id: str | None = None, **params: Any) -> None:
        #: Further ids that the request's cookies carry.
        self._other_ids: list[str] = []
        #: Domain and path of the cookie that the browser has, if it has one.
        self._browser_scope: tuple[str | None, str] | None = None
        if id is None and params.get("use_cookies", True):
            key, secret = params.get("key", "beaker.session.id"), params.get("secret")
            ids = candidates(request.get("cookie"), key, secret)
            id, self._other_ids = next(iter(ids), None), ids[1:]
            # Nothing is left for Beaker's parser, which one odd cookie defeats.
            request["cookie"] = ""
        request.setdefault("set_cookie", False)
        super().__init__(request, id=id, **params)

    # -- domain and path ----------------------------------------------------------------------

    @property
    def domain(self) -> str | None:
        """The cookie's domain; assigning one overrides ``cookie_domain`` for this session."""
        domain: str | None = self.get("_domain")
        return domain

    @domain.setter
    def domain(self, domain: str | None) -> None:
        self._choose("_domain", domain)

    @property
    def path(self) -> str:
        """The cookie's path; assigning one overrides ``cookie_path`` for this session."""
        path: str = self.get("_path", "/")
        return path

    @path.setter
    def path(self, path: str) -> None:
        self._choose("_path", path)

    def _choose(self, name: str, value: str | None) -> None:
        self[name] = value
        self[CHOSEN] = sorted({*self.get(CHOSEN, ()), name})
        self._update_cookie_out()

    def _apply_cookie_config(self, data: MutableMapping[str, Any]) -> None:
        """Let the configuration override the stored domain and path, unless they were chosen.

        :param data: a session as it was loaded.
        """
        self._browser_scope = data.get("_domain"), data.get("_path", "/")
        chosen = data.get(CHOSEN, ())
        data.update({name: value for name, value in self._config.items() if name not in chosen})

    @property
    def _scope_changed(self) -> bool:
        """Whether the browser's cookie has another domain or path than the session."""
        return self._browser_scope not in (None, (self.domain, self.path))

    # -- writing the cookie -------------------------------------------------------------------

    def _update_cookie_out(self, set_cookie: bool = True) -> None:
        super()._update_cookie_out(set_cookie)
        old = self._browser_scope
        self.request["cookies_expired"] = (
            [self._expiry(*old)] if old is not None and self._scope_changed else []
        )

    def _expire_cookie(self) -> None:
        """Make the browser forget its cookie, also one of an earlier domain or path."""
        if self.use_cookies:
            scopes = dict.fromkeys([(self.domain, self.path), self._browser_scope])
            cookie, *others = [self._expiry(*scope) for scope in scopes if scope is not None]
            self.request.update(cookie_out=cookie, cookies_expired=others, set_cookie=True)

    def _expiry(self, domain: str | None, path: str) -> str:
        """Return a ``Set-Cookie`` value that makes the browser forget its cookie."""
        cookie = SimpleCookie({self.key: ""})
        if domain:
            cookie[self.key]["domain"] = domain
        cookie[self.key]["path"] = path
        if self.secure:
            cookie[self.key]["secure"] = True
        long_ago = datetime.now(timezone.utc) - timedelta(days=365)
        cookie[self.key]["expires"] = self.serialize_cookie_date(long_ago)
        header: str = cookie[self.key].output(header="").strip()
        return header

    @staticmethod
    def serialize_cookie_date(v: datetime) -> str:
        """Return a time as cookies have it; one without a time zone is in UTC already."""
        utc = v if v.tzinfo is None else v.astimezone(timezone.utc)
        text: str = Session.serialize_cookie_date(utc)
        return text
