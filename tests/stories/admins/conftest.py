"""Stories of admins run on SQLite: what they ask of a database has tests on both, in `domain` and `api`.

What no other test asks of PostgreSQL is marked `postgres_too`.
"""

from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.parent == HERE and item.get_closest_marker("postgres_too") is None:
            item.add_marker("sqlite_is_enough")
