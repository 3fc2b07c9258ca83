"""Beaker's Session with corrected cookie handling.

- The cookie is found among any other cookies.
- By default it is HttpOnly and, if there is a secret, signed with HMAC-SHA-256.
- If the browser sends several, the first one that opens a session is used.
- The configured domain and path override stored ones that the application did not assign.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from datetime import datetime, timedelta, timezone
from typing import Any

from beaker.cookie import SimpleCookie
from beaker.session import Session

from beaker_dynamodb.wsgi.cookie_header import candidates, cookie_values, new_id
from beaker_dynamodb.wsgi.cookie_options import check_prefix, set_safe_defaults
from beaker_dynamodb.wsgi.cookie_signature import CookieSignatures, cookie_signatures

#: A parameter of `SessionWithCookie`: the `CookieSignatures`, if the options have been checked.
CHECKED = "_cookie_signatures"
#: The default name of Beaker's cookie (beaker/session.py).
BEAKER_KEY = "beaker.session.id"
#: Key in a session's data: which of ``_domain`` and ``_path`` the application has assigned. Those
#: take precedence over the configuration.
ASSIGNED_SCOPE = "_cookie_scope"


class SessionWithCookie(Session):  # type: ignore[misc]  # Beaker has no type hints
    """A session with this package's cookies; takes the arguments of Beaker's Session."""

    id: str
    key: str
    cookie_expires: Any
    request: dict[str, Any]
    #: Whether the request has session cookies, but none that this application could have issued.
    _cookies_refused = False

    def __init__(self, request: dict[str, Any], id: str | None = None, **params: Any) -> None:
        self._before_init(params)
        signatures = params.pop(CHECKED, None)
        if signatures is None:
            set_safe_defaults(params)
            signatures = cookie_signatures(
                params.get("secret"), params.get("previous_secrets"), params.get("cookie_signature")
            )
        self._signatures: CookieSignatures = signatures
        #: See `candidates`.
        self._cookie_values: dict[str, bool] = {}
        #: Domain and path of the cookie that the browser has, if any.
        self._browser_scope: tuple[str | None, str] | None = None
        if id is None and params.get("use_cookies", True):
            key = params.get("key", BEAKER_KEY)
            self._cookie_values = candidates(request.get("cookie"), key, self._signatures)
            id = next(iter(self._cookie_values), None)
            refused = not self._cookie_values and any(cookie_values(request.get("cookie"), key))
            self._cookies_refused = refused
            # Hide the header from Beaker's own parser, which fails on a malformed cookie.
            request["cookie"] = ""
        #: Whether a new cookie would be signed differently from the browser's.
        self._signature_outdated = not self._cookie_values.get(id or "", True)
        request.setdefault("set_cookie", False)
        super().__init__(request, id=id, **params)
        self._after_init()

    # Subclasses override these two methods rather than `__init__`: passing all options on to one
    # more `__init__` takes as long as parsing the cookie.
    def _before_init(self, params: dict[str, Any]) -> None:
        """Check and complete the options, and set what loading needs."""

    def _after_init(self) -> None:
        """Complete the session after it was loaded or started."""

    def _create_id(self, set_new: bool = True) -> None:
        # Beaker's own id has only 122 random bits.
        self.id = new_id()
        if set_new:
            self.is_new, self.last_accessed = True, None
        if self.use_cookies:
            self._update_cookie_out(set_cookie=not set_new)

    def save(self, accessed_only: bool = False) -> None:
        """Save the session, and replace a cookie with an outdated signature."""
        super().save(accessed_only)
        if self._signature_outdated and not self.is_new:
            self._update_cookie_out()

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
        check_prefix({"key": self.key, "secure": self.secure, f"cookie{name}": value})
        self[name] = value
        self[ASSIGNED_SCOPE] = sorted({*self.get(ASSIGNED_SCOPE, ()), name})
        self._update_cookie_out()

    def _apply_cookie_config(self, data: MutableMapping[str, Any]) -> None:
        """Override a loaded session's domain and path, unless the application assigned them."""
        self._browser_scope = data.get("_domain"), data.get("_path", "/")
        config = self._config
        if assigned := data.get(ASSIGNED_SCOPE):
            config = {name: value for name, value in config.items() if name not in assigned}
        data.update(config)

    @property
    def _scope_changed(self) -> bool:
        """Whether the browser's cookie has a different domain or path than the session."""
        return self._browser_scope not in (None, (self.domain, self.path))

    @property
    def _cookie_outdated(self) -> bool:
        """Whether the browser's cookie has a different domain, path or signature than a new one."""
        return self._scope_changed or self._signature_outdated

    @property
    def _cookie_value(self) -> str:
        """The cookie's value, without its signature."""
        return self.id

    def _set_cookie_values(self, expires: Any = None) -> None:
        super()._set_cookie_values(expires)
        value = self._cookie_value
        # Unlike an assignment, this keeps the cookie's attributes.
        self.cookie[self.key].set(self.key, value, self._signatures.sign(self.key, value))

    def _update_cookie_out(self, set_cookie: bool = True) -> None:
        super()._update_cookie_out(set_cookie)
        old = self._browser_scope
        self.request["cookies_expired"] = (
            [self._expired_cookie(*old)] if old is not None and self._scope_changed else []
        )
        terms = self._cookie_value, self.domain, self.path, self._cookie_lifetime
        self.request["cookie_terms"] = terms

    @property
    def _cookie_lifetime(self) -> float | None:
        """Seconds until a new cookie expires, or None without a relative lifetime."""
        expires = self.cookie_expires
        return expires.total_seconds() if isinstance(expires, timedelta) else None

    def _expire_cookie(self) -> None:
        """Expire the browser's cookie, also under an earlier domain or path."""
        if self.use_cookies:
            scopes = dict.fromkeys([(self.domain, self.path), self._browser_scope])
            cookie, *others = [self._expired_cookie(*scope) for scope in scopes if scope]
            self.request.update(cookie_out=cookie, cookies_expired=others, set_cookie=True)
            self.request["cookie_terms"] = cookie

    def _expired_cookie(self, domain: str | None, path: str) -> str:
        """Return a ``Set-Cookie`` value that makes the browser delete its cookie."""
        cookie = SimpleCookie({self.key: ""})
        if domain:
            cookie[self.key]["domain"] = domain
        cookie[self.key]["path"] = path
        if self.secure:
            cookie[self.key]["secure"] = True
        if self.samesite:
            # In another site's frame, browsers ignore the header without SameSite=None.
            cookie[self.key]["samesite"] = self.samesite
        long_ago = datetime.now(timezone.utc) - timedelta(days=365)
        cookie[self.key]["expires"] = self.serialize_cookie_date(long_ago)
        header: str = cookie[self.key].output(header="").strip()
        return header

    @staticmethod
    def serialize_cookie_date(v: datetime) -> str:
        """Return a time in the cookie date format; naive times are UTC."""
        utc = v if v.tzinfo is None else v.astimezone(timezone.utc)
        formatted: str = Session.serialize_cookie_date(utc)
        return formatted
