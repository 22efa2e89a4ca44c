"""Plays a column of the matrix: all rows at once in one installation, each in a request of its own."""

from collections.abc import Awaitable, Callable, Sequence

from bot.delivery.rate_limit import SEVERAL_CHATS
from bot.sandbox import Sandbox
from tests.stories.arranging import give, until
from tests.stories.conversation.cells import Cell
from tests.stories.conversation.columns import Column, Moment
from tests.stories.conversation.rows import Never, Row
from tests.support.clock import MovableClock
from tests.support.people import RunningApp

PAUSE = 600  # seconds for which Telegram wants nothing to be sent

Step = Callable[[Cell], Awaitable[None]]


class Play:
    """One column.

    What fails in a cell is kept as what is seen there, so that the other cells are played.
    """

    def __init__(self, sandbox: Sandbox, database_url: str, column: Column, rows: Sequence[Row]) -> None:
        self.sandbox, self.database_url, self.column = sandbox, database_url, column
        self.clock = MovableClock()
        self.rows = [row for row in rows if not isinstance(row.expected(column), Never)]
        self.cells: list[Cell] = []
        self.failed: dict[str, list[str]] = {}
        self.crm: RunningApp

    async def run(self) -> dict[str, list[str]]:
        """What is seen in each cell, by the name of its row."""
        _, moment = self.column
        async with await self._open(admin=True) as self.crm:
            await self._begin()
            if moment is Moment.BEFORE:
                await self._in_a_pause(self.cells, self._say, self._close, self._act)
                self.clock.forward(seconds=PAUSE + 1)
                await self.crm.app.supervisor.look_again()
                return await self._seen()
            is_restarted = moment is Moment.RESTARTED
            await self._each([one for one in self.cells if one.row.then or not is_restarted], self._say)
            await self.crm.settled()
            if moment is Moment.TRANSFERRED:
                await self._hand_on()
            await self._each(self.cells, self._close)
            await self.crm.settled()
            if not is_restarted:
                await self._each(self.cells, self._act)
                return await self._seen()
            await self._in_a_pause([one for one in self.cells if not one.row.then], self._say)
        await self._each(self.cells, self._act)
        self.clock.forward(seconds=PAUSE + 1)
        async with await self._open() as self.crm:
            return await self._seen()

    async def _open(self, *, admin: bool = False) -> RunningApp:
        return await RunningApp.open(self.sandbox, self.database_url, clock=self.clock, admin=admin)

    async def _begin(self) -> None:
        anna = await self.crm.operator("Anna", limit=len(self.rows))
        for number, row in enumerate(self.rows, 1):
            cell = Cell(row, self.column[0], self.crm.client(f"Client {number}"), anna, anna)
            self.cells.append(cell)
            await cell.begin(self.crm)
        for cell in self.cells:
            cell.note_read(self.crm)

    async def _in_a_pause(self, cells: Sequence[Cell], *steps: Step) -> None:
        """Telegram wants the bot to pause, as it says in several chats; meanwhile this happens, and is stored."""
        for number in range(SEVERAL_CHATS):
            stranger = self.crm.client(f"Stranger {number}")
            self.sandbox.fail(kind="flood", retry_after=PAUSE, chat=stranger)
            await stranger.starts(self.crm.shop)
        await until(self.crm, "SELECT count(*) FROM bots WHERE not_before IS NOT NULL", 1)
        for step in steps:
            await self._each(cells, step)
            await self.sandbox.confirmed()
            await until(self.crm, "SELECT count(*) FROM inbox WHERE state <> 'done'", 0)

    async def _hand_on(self) -> None:
        boris = await self.crm.operator("Boris", limit=len(self.rows), weight=0)
        for cell in self.cells:
            await cell.find_number(self.crm)
            cell.handed_on = self.sandbox.world.transcript.seq
            await give(self.crm, cell.number, boris)
            cell.holder = boris
        await self.crm.settled()

    async def _each(self, cells: Sequence[Cell], step: Step) -> None:
        for cell in cells:
            try:
                await step(cell)
            except Exception as error:
                self.failed[cell.row.name] = [f"failed: {error!r}"]

    async def _say(self, cell: Cell) -> None:
        await cell.say(self.crm)

    async def _close(self, cell: Cell) -> None:
        if cell.row.is_closed:
            await cell.close(self.crm)

    async def _act(self, cell: Cell) -> None:
        if cell.row.then is not None and cell.row.name not in self.failed:
            await cell.row.then(cell, self.crm)

    async def _seen(self) -> dict[str, list[str]]:
        await self.crm.settled()
        await self._each(self.cells, lambda cell: cell.find_number(self.crm))
        return {cell.row.name: cell.lines(self.crm) for cell in self.cells} | self.failed
