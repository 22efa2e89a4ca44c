"""Clients: each begins to write now and then, says one to three things, answers, and corrects what it wrote."""

import asyncio
from random import Random
from typing import Any

from bot.sandbox import BotHandle, Person, SeenMessage
from tests.soak.audit import Audit
from tests.soak.setting import Setting
from tests.soak.watching import Watcher
from tests.soak.words import clients_content

Json = dict[str, Any]
MOST_AT_ONCE = 3


class Client:
    """One client."""

    def __init__(self, setting: Setting, watcher: Watcher, audit: Audit, number: int) -> None:
        self._setting, self._audit, self._number = setting, audit, number
        self._person: Person = setting.clients[number]
        self._chance: Random = setting.rng("client", number)
        self._home = self._chance.choice(setting.bots)
        self._said = 0
        self._heard: dict[int, int] = {}
        self._mine: list[SeenMessage] = []
        for bot in setting.bots:
            watcher.chats[bot.id, self._person.id] = self._notice

    def _notice(self, entry: Json) -> None:
        if entry["event"] == "new" and entry["copied_from"]:
            self._heard[entry["bot"]] = entry["message_id"]

    async def run(self) -> None:
        """Until it is cancelled."""
        each = self._setting.plan.clients / self._setting.plan.turns
        await asyncio.sleep(self._chance.uniform(0, each))
        while True:
            await self._turn()
            await asyncio.sleep(self._chance.expovariate(1 / each))

    async def _turn(self) -> None:
        bot = self._home if self._chance.random() < 0.9 else self._chance.choice(self._setting.bots)
        if self._said == 0 and self._chance.random() < 0.5:
            await self._person.starts(bot)
        for _ in range(self._chance.randint(1, MOST_AT_ONCE)):
            await self._say(bot)
            await asyncio.sleep(self._chance.uniform(0, 2))
        if self._mine and self._chance.random() < 0.1:
            await self._correct(self._chance.choice(self._mine[-5:]))
        if self._chance.random() < 0.02:
            await self._person.says(self._chance.choice(("/help", "/privacy")), to=bot)
        elif self._chance.random() < 0.01:
            phone = await self._person.shares_phone(bot)
            self._audit.own_phones.add((bot.id, phone.chat_id, phone.id))

    async def _say(self, bot: BotHandle) -> None:
        self._said += 1
        what, is_protected = clients_content(f"c{self._number}.{self._said}", self._chance)
        answers = self._heard.get(bot.id) if self._chance.random() < 0.2 else None
        sent = await self._person.sends_all(what, to=bot, reply_to=answers, protected=is_protected)
        if what.kind == "text" and not is_protected:
            self._mine.append(sent[0])

    async def _correct(self, message: SeenMessage) -> None:
        mark = message.text.split(" ", 1)[0]
        await self._person.edits(message, f"{mark} no, {self._chance.randrange(10**6)}")
