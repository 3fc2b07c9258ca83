"""A request through the middleware, as a WSGI server sees it: raw headers, body and close()."""
