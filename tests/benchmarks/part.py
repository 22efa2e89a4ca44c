"""What a part of the benchmark is: a function that yields rows as it measures them."""

from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.databases import Databases
from tests.benchmarks.sizes import Sizes
from tests.benchmarks.table import Row


@dataclass(frozen=True)
class Context:
    """What a part measures with.

    Attributes:
        folder: an empty folder of this part alone, deleted when it ends.
        databases: templates, which the part copies into its folder.
    """

    folder: Path
    databases: Databases
    sizes: Sizes


Rows = AsyncGenerator[Row, None]
Part = Callable[[Context], Rows]
