"""The session's side of WSGI: cookies, response headers and when to save."""
