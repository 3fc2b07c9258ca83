"""What a session needs of a WSGI request and its response."""
