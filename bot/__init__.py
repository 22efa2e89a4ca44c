"""The Telegram side: receiving, the people's handlers, delivery, and the wiring of it all."""

from bot.telegram.lazy_models import build_models_when_used

__version__ = "0.1.0"

build_models_when_used()  # before any part imports aiogram
