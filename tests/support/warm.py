"""Imported last by the process that others are forked from (`tests.support.forks`): what is loaded stays for good.

Models that an installation uses are built here once, instead of in each process, and one installation lives a whole
story: the routes of the API, the migrations and the statements that it uses are known then, a third of the processor
time of a start. Frozen, it is all passed over by the garbage collector. Otherwise each forked process walks through it
when it starts an installation, and copies every page of it: three quarters of the processor time of a start.
"""

import asyncio
import gc
import io
import sys
import tempfile
from contextlib import redirect_stdout
from pathlib import Path
from types import ModuleType

from aiogram import methods
from aiogram.methods import TelegramMethod
from aiogram.methods.base import Response

from bot.sandbox import Sandbox
from tests.support.compiled import shared_compiled_statements
from tests.support.people import RunningApp


def _named(module: ModuleType) -> set[type[TelegramMethod]]:  # type: ignore[type-arg]
    return {one for one in vars(module).values() if isinstance(one, type) and issubclass(one, TelegramMethod)}


def _build() -> None:
    used: set[type[TelegramMethod]] = {  # type: ignore[type-arg]
        methods.CopyMessage,
        methods.CopyMessages,
        methods.GetUpdates,
        methods.SendMediaGroup,
    }
    for name, module in list(sys.modules.items()):
        if name.startswith("bot."):
            used |= _named(module)
    for method in used - {TelegramMethod}:
        method.model_rebuild()
        Response[method.__returning__].model_rebuild()  # type: ignore[name-defined]


async def _rehearse(folder: Path) -> None:
    """A request from its first message to its end. Nothing that it opens is left: neither a thread nor a file."""
    async with (
        await Sandbox.start() as telegram,
        await RunningApp.open(telegram, f"sqlite:///{folder / 'crm.db'}") as crm,
    ):
        anna, ivan = await crm.operator("Anna"), crm.client()
        await ivan.says("Is it in stock?", to=crm.shop)
        card = await anna.sees("Is it in stock?")
        await anna.presses(card, "Take")
        await anna.replies(card, "It is")
        await ivan.sees("It is")
        await anna.presses(card, "Close")
        await crm.settled()


_build()
_sharing = shared_compiled_statements()
_sharing.__enter__()  # for good: the processes have engines of their own
with tempfile.TemporaryDirectory() as folder, redirect_stdout(io.StringIO()):  # it logs
    asyncio.run(_rehearse(Path(folder)))
tempfile.tempdir = None  # each process asks its own environment
gc.collect()
gc.freeze()
