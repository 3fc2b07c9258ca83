"""The WSGI side of sessions: cookies, response headers and when to save."""
