"""The sandbox's transcript as it grows, handed on to whoever looks at a chat, and to the audit."""

import asyncio
from collections.abc import Callable
from typing import Any

from bot.sandbox import RemoteSandbox

Json = dict[str, Any]
Look = Callable[[Json], None]
Chat = tuple[int, int]  # bot, person

EVERY = 0.15  # seconds


class Watcher:
    """Reads on until it is cancelled."""

    def __init__(self, sandbox: RemoteSandbox) -> None:
        self._sandbox = sandbox
        self._since = 0
        self.everything: list[Look] = []
        self.chats: dict[Chat, Look] = {}

    async def run(self) -> None:
        """Hands on every entry once, in order."""
        while True:
            self.look()
            await asyncio.sleep(EVERY)

    def look(self) -> None:
        """What is new by now."""
        for entry in self._sandbox.transcript(since=self._since):
            self._since = entry["seq"]
            for look in self.everything:
                look(entry)
            look_here = self.chats.get((entry["bot"], entry["chat"]))
            if look_here is not None:
                look_here(entry)
