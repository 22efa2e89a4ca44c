"""What `tests/api/test_schemathesis.py` and the hooks in schemathesis' own process share: a test imports no hooks."""

OWN_KEY = 77_777_777  # the id of the key that it calls with; the next one is the form's
