"""`make bench`: measures Mini-CRM beside simpler programs and prints one table.

    python -m tests.benchmarks                  everything
    python -m tests.benchmarks limits,growth    some parts
    python -m tests.benchmarks smoke            everything at tiny sizes, targets not checked: shows that it still runs
    python -m tests.benchmarks smoke,growth     a part at tiny sizes

Ends with 1 if a part failed or a target was missed, with 2 if a part is unknown.
"""

import asyncio
import sys
from collections.abc import Sequence

from tests.benchmarks.parts import UnknownPart, select
from tests.benchmarks.runner import run
from tests.benchmarks.sizes import FULL, SMOKE


def main(arguments: Sequence[str]) -> int:
    """Runs the parts that are named, all of them if none is. Returns the exit code."""
    try:
        parts, is_smoke = select(arguments)
    except UnknownPart as error:
        print(error, file=sys.stderr)
        return 2
    result = asyncio.run(run(parts, SMOKE if is_smoke else FULL, are_targets_checked=not is_smoke))
    return result.exit_code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
