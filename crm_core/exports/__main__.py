"""The subprocess that makes one export (`crm_core.exports.in_subprocess`).

It reads an order from standard input and writes progress and the names of the files to standard output.
"""

import asyncio
import json
import sys

from crm_core.exports.in_subprocess import from_text
from crm_core.exports.making import Made, make
from crm_core.storage.config import Pool, use
from crm_core.storage.opening import open_database
from crm_core.subprocesses import lower_priority


async def _make(text: str) -> Made:
    url, order = from_text(text)
    use(Pool.BACKGROUND)
    db = open_database(url)
    try:
        return await make(db, order, on_progress=lambda done, total: _report(done=done, total=total))
    finally:
        await db.close()


def _report(**fields: object) -> None:
    print(json.dumps(fields), flush=True)


def main() -> None:
    """Reads an order from standard input and carries it out; exits with 1 and the type of the error if that fails."""
    lower_priority(10)
    try:
        made = asyncio.run(_make(sys.stdin.read()))
    except Exception as error:
        sys.exit(f"{type(error).__name__}: {getattr(error, 'strerror', None) or ''}")
    _report(files=[str(one) for one in made.files], rows=made.rows)


if __name__ == "__main__":
    main()
