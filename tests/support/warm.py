"""Imported last by the process that others are forked from (`tests.support.forks`): what is loaded stays for good.

Models that an installation uses are built here once, instead of in each process. Frozen, it is all passed over by the
garbage collector. Otherwise each forked process walks through it when it starts an installation, and copies every page
of it: three quarters of the processor time of a start.
"""

import gc
import sys
from types import ModuleType

from aiogram import methods
from aiogram.methods import TelegramMethod
from aiogram.methods.base import Response


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


_build()
gc.collect()
gc.freeze()
