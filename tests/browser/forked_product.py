"""The product of a world, forked from a process that has imported it: starting it takes no seconds."""

import asyncio
from pathlib import Path

from bot.demo import product
from bot.demo.product_process import ProductProcess
from tests.support.forks import Forked, fork
from tests.support.processes import environment


class ForkedProduct(ProductProcess):
    """It starts as soon as it may.

    Attributes:
        may_start: cleared to keep it down after a kill, for as long as a story needs.
    """

    def __init__(self, log: Path) -> None:
        super().__init__(log)
        self.may_start = asyncio.Event()
        self.may_start.set()

    async def _spawn(self) -> Forked:
        await self.may_start.wait()
        return await fork(product.run, environment=environment({}), log=self.log, tell=True)
