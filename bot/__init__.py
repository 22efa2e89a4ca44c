"""The Telegram side: receiving, the people's handlers, delivery, and the wiring of it all."""

__version__ = "0.1.0"
