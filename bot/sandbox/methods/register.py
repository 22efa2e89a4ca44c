"""All methods of the Bot API that the sandbox knows, by name in lower case.

The modules below register their methods when they are imported.
"""

from bot.sandbox.methods import account, callbacks, commands, copying, files, forum, media, messages, pins, webhook
from bot.sandbox.methods.call import METHODS

MODULES = (account, callbacks, commands, copying, files, forum, media, messages, pins, webhook)

__all__ = ["METHODS", "MODULES"]
