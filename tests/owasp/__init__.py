"""OWASP's requirements for sessions, and the tests that show that they are met.

``python -m tests.owasp`` prints the table of docs/explanation/owasp.md, made from `asvs.py`,
`cheat_sheet.py` and the marks of tests, such as ``@pytest.mark.owasp("7.2.3")``.
``python -m tests.owasp --run`` runs the marked tests.
"""
