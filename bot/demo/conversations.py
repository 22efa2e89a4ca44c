"""Both sides of each conversation: what the client does, and the operator who got their contact."""

from collections.abc import Awaitable, Callable

from bot.demo.arrivals import Arrivals
from bot.demo.dialogues import CLIENT, Dialogue, Said
from bot.sandbox import BotHandle, Person, SeenMessage
from bot.sandbox.world.content import Content, text

Pause = Callable[[tuple[float, float]], Awaitable[None]]
"""Waits between so many and so many seconds."""

PATIENCE = 20.0  # seconds without the next step after which a conversation counts as stuck
READING = (0.5, 1.0)  # seconds before somebody takes, closes or answers
AT_A_GLANCE = (0.05, 0.6)  # the same in the rush hour


class Conversations:
    """Runs conversations; `stuck` names those that were not finished."""

    def __init__(self, arrivals: Arrivals, operators: dict[int, Person], pause: Pause) -> None:
        self.arrivals, self.operators, self._pause = arrivals, operators, pause
        self.stuck: list[str] = []
        self.pace = READING

    async def converse(self, client: Person, bot: BotHandle, dialogue: Dialogue) -> Person | None:
        """From the client's first message to the press on Close. Returns the operator, None if it got stuck."""
        name = f"{dialogue.first_name} {dialogue.last_name}"
        try:
            return await self._converse(client, bot, name, list(dialogue.turns))
        except (TimeoutError, AssertionError):  # the second is what the sandbox's people raise when they wait in vain
            self.stuck.append(name)
            return None

    async def ask(self, client: Person, bot: BotHandle, question: str, answer: str) -> Person | None:
        """One question and its answer."""
        return await self.converse(client, bot, _short(client, question, answer))

    async def _converse(self, client: Person, bot: BotHandle, name: str, turns: list[tuple[str, Said]]) -> Person:
        await self._open(client, bot, turns)
        chat_id, message_id = await self.arrivals.card(bot.id, name, within=PATIENCE)
        operator = self.operators[chat_id]
        card = await operator.sees(lambda seen: seen.id == message_id, bot=bot, timeout=PATIENCE)
        await self._pause(self.pace)
        if self.pace is READING:  # in a hurry nobody presses Take: a reply takes the contact too
            await operator.presses(card, callback_data=pressable(card, "take"))
            card = await self._without_take(operator, bot, message_id)
        for speaker, content in turns:
            await self._pause(self.pace)
            said = _content(content)
            sent = await (client.sends(said, to=bot) if speaker == CLIENT else operator.replies(card, said))
            await self.arrivals.copy(bot.id, sent.chat_id, sent.id, within=PATIENCE)
        await self._pause(self.pace)
        card = await self._without_take(operator, bot, message_id)
        await operator.presses(card, callback_data=pressable(card, "close"))
        await operator.sees(
            lambda seen: seen.id == message_id and not pressable(seen, "close"), bot=bot, timeout=PATIENCE
        )
        return operator

    async def _open(self, client: Person, bot: BotHandle, turns: list[tuple[str, Said]]) -> None:
        """Sends everything that the client sends before the first reply."""
        while turns and turns[0][0] == CLIENT:
            await client.sends(_content(turns.pop(0)[1]), to=bot)
            if turns and turns[0][0] == CLIENT:
                await self._pause(self.pace)

    async def _without_take(self, operator: Person, bot: BotHandle, message_id: int) -> SeenMessage:
        """The card once it shows that the contact is in progress; its buttons are of the newest version then."""
        is_taken: Callable[[SeenMessage], bool] = lambda seen: seen.id == message_id and not pressable(seen, "take")  # noqa: E731
        return await operator.sees(is_taken, bot=bot, timeout=PATIENCE)


def _content(said: Said) -> Content:
    return text(said) if isinstance(said, str) else said


def pressable(message: SeenMessage, action: str) -> str | None:
    """The data of a message's button, whatever language its label is in."""
    rows = message.raw.get("reply_markup", {}).get("inline_keyboard", [])
    every = [button.get("callback_data", "") for row in rows for button in row]
    return next((data for data in every if data.startswith(f"{action}:")), None)


def _short(client: Person, question: str, answer: str) -> Dialogue:
    last_name = client.user.get("last_name") or ""
    return Dialogue(client.first_name, last_name, "", ((CLIENT, question), ("operator", answer)))
