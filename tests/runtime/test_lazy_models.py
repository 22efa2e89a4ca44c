"""A process of the product builds aiogram's models when it uses them, and could build each of them."""

import subprocess
import sys

import pytest

from tests.support.forks import ROOT

LOOK = """
import bot.commands.run, bot.app
import sys
from aiogram.methods import TelegramMethod
from aiogram.types import TelegramObject

def below(kind):
    return {one for child in kind.__subclasses__() for one in (child, *below(child))}

models = {one for one in below(TelegramObject) | below(TelegramMethod) if one.__module__.startswith("aiogram.")}
print(len(models), sum(one.__pydantic_complete__ for one in models))
for one in models:
    one.model_rebuild()
print(sum(not one.__pydantic_complete__ for one in models))
"""


@pytest.mark.slow
def test_started_product_has_built_few_models_and_can_build_all() -> None:
    done = subprocess.run([sys.executable, "-c", LOOK], cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S603
    number, built, unbuildable = map(int, done.stdout.split())
    assert number > 500
    assert built < number / 5, "bot/telegram/lazy_models.py does nothing"
    assert unbuildable == 0
