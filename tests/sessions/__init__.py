"""Sessions that lose nothing and resurrect nothing, through the whole WSGI stack and by hand."""
