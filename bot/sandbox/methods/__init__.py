"""The methods of the Bot API that the sandbox knows; importing this package registers all of them."""

import importlib

from bot.sandbox.methods.call import METHODS, Call, Method

for _module in ("account", "callbacks", "commands", "copying", "files", "forum", "media", "messages", "webhook"):
    importlib.import_module(f"bot.sandbox.methods.{_module}")

__all__ = ["METHODS", "Call", "Method"]
