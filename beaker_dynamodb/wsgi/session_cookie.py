"""Beaker's Session with corrected cookie handling.

- The cookie is found among any other cookies.
- If the browser sends several, the first one that opens a session is used.
- The configured domain and path take precedence over those stored with a session.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from datetime import datetime, timedelta, timezone
from typing import Any

from beaker.cookie import SimpleCookie
from beaker.session import Session

from beaker_dynamodb.wsgi.cookie_header import candidates

#: Key in a session's data: which of ``_domain`` and ``_path`` the application has assigned. Those
#: take precedence over the configuration.
ASSIGNED_SCOPE = "_cookie_scope"


class SessionWithCookie(Session):  # type: ignore[misc]  # Beaker has no type hints
    """A session whose cookie works with every browser; takes the arguments of Beaker's Session."""

    id: str
    key: str
    request: dict[str, Any]

    def __init__(self, request: dict[str, Any], id: str | None = None, **params: Any) -> None:
        #: The values of the request's session cookies after the first.
        self._other_cookie_values: list[str] = []
        #: Domain and path of the cookie that the browser has, if any.
        self._browser_scope: tuple[str | None, str] | None = None
        if id is None and params.get("use_cookies", True):
            key, secret = params.get("key", "beaker.session.id"), params.get("secret")
            values = candidates(request.get("cookie"), key, secret)
            id, self._other_cookie_values = next(iter(values), None), values[1:]
            # Beaker's own parser fails on a header with a malformed cookie.
            request["cookie"] = ""
        request.setdefault("set_cookie", False)
        super().__init__(request, id=id, **params)

    # -- domain and path ------------------------------------------------------------------------

    @property
    def domain(self) -> str | None:
        """The cookie's domain; assigning one overrides ``cookie_domain`` for this session."""
        domain: str | None = self.get("_domain")
        return domain

    @domain.setter
    def domain(self, domain: str | None) -> None:
        self._assign("_domain", domain)

    @property
    def path(self) -> str:
        """The cookie's path; assigning one overrides ``cookie_path`` for this session."""
        path: str = self.get("_path", "/")
        return path

    @path.setter
    def path(self, path: str) -> None:
        self._assign("_path", path)

    def _assign(self, name: str, value: str | None) -> None:
        self[name] = value
        self[ASSIGNED_SCOPE] = sorted({*self.get(ASSIGNED_SCOPE, ()), name})
        self._update_cookie_out()

    def _apply_cookie_config(self, data: MutableMapping[str, Any]) -> None:
        """Override a loaded session's domain and path, unless the application assigned them."""
        self._browser_scope = data.get("_domain"), data.get("_path", "/")
        assigned = data.get(ASSIGNED_SCOPE, ())
        data.update({name: value for name, value in self._config.items() if name not in assigned})

    @property
    def _scope_changed(self) -> bool:
        """Whether the browser's cookie has another domain or path than the session."""
        return self._browser_scope not in (None, (self.domain, self.path))

    # -- Set-Cookie -----------------------------------------------------------------------------

    def _update_cookie_out(self, set_cookie: bool = True) -> None:
        super()._update_cookie_out(set_cookie)
        old = self._browser_scope
        self.request["cookies_expired"] = (
            [self._expired_cookie(*old)] if old is not None and self._scope_changed else []
        )

    def _expire_cookie(self) -> None:
        """Expire the browser's cookie, also under an earlier domain or path."""
        if self.use_cookies:
            scopes = dict.fromkeys([(self.domain, self.path), self._browser_scope])
            cookie, *others = [self._expired_cookie(*scope) for scope in scopes if scope]
            self.request.update(cookie_out=cookie, cookies_expired=others, set_cookie=True)

    def _expired_cookie(self, domain: str | None, path: str) -> str:
        """Return a ``Set-Cookie`` value that makes the browser delete its cookie."""
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
        """Return a time in the format of cookies; naive times are UTC."""
        utc = v if v.tzinfo is None else v.astimezone(timezone.utc)
        formatted: str = Session.serialize_cookie_date(utc)
        return formatted
