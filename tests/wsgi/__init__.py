"""A request through our middleware, as a WSGI server sees it: raw headers, body and close()."""
