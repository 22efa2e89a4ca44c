"""The models of Telegram's answers, one for each type that a method returns."""

import importlib
import pkgutil
from typing import Any

from aiogram.methods.base import Response, TelegramMethod

import bot
from bot.telegram.session import ANSWER_TYPES

ASIDE = ("bot.__main__", "bot.sandbox", "bot.demo")


def test_answer_model_of_every_method_is_kept() -> None:
    """One that is not kept is built again and again, which takes longer than the rest of the call."""
    names = (one.name for one in pkgutil.walk_packages(bot.__path__, "bot.") if not one.name.startswith(ASIDE))
    values = (value for name in names for value in vars(importlib.import_module(name)).values())
    methods = {one for one in values if isinstance(one, type) and issubclass(one, TelegramMethod)} - {TelegramMethod}
    assert len(methods) > 10
    answers: Any = {one: Response.__class_getitem__(one.__returning__) for one in methods}
    assert [one.__name__ for one, answer in answers.items() if answer not in ANSWER_TYPES] == []
