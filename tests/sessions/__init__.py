"""Sessions lose nothing and resurrect nothing, with and without the WSGI stack."""
