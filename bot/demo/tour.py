"""The guided tour of `make sandbox`: what to try, whether it has been done, and doing it for whoever only looks on."""

from collections.abc import Awaitable, Callable

from bot.demo.conversations import pressable
from bot.demo.inside import Insight
from bot.demo.world import World
from bot.sandbox import Person, SeenMessage
from bot.sandbox.page.scene import Step

Texts = dict[str, str]


class Tour:
    """Six steps, done one after another, each of which stays done once it is."""

    def __init__(self, world: World, insight: Insight, texts: Texts) -> None:
        self._world, self._insight, self._texts = world, insight, texts
        self._done: set[str] = set()
        self._acts: dict[str, Callable[[], Awaitable[None]]] = {
            "write": self._write,
            "take": self._take,
            "answer": self._answer,
            "kill": self._kill,
            "close": self._close,
            "stats": self._stats,
        }

    def steps(self) -> list[Step]:
        """The steps in their order."""
        return [Step(self._texts[f"tour_{key}"], self._is_done(key), act) for key, act in self._acts.items()]

    def _is_done(self, key: str) -> Callable[[], Awaitable[bool]]:
        async def is_done() -> bool:
            if key == self._next() and await self._has_happened(key):
                self._done.add(key)
            return key in self._done

        return is_done

    def _next(self) -> str | None:
        """The first step that is not done; what happens before its turn counts when that comes."""
        return next((key for key in self._acts if key not in self._done), None)

    async def _has_happened(self, key: str) -> bool:
        """Whether the telephones show it, wherever a telephone does."""
        world = self._world
        match key:
            case "write":
                return bool(self._cards("take") or self._cards("close"))
            case "take":
                return any(not pressable(card, "take") for _, card in self._cards("close"))
            case "answer":
                return self._is_answered()
            case "kill":
                return world.product.starts > 1
            case "close":
                inside = await self._insight.look()
                return inside is not None and inside.is_closed
        return any(one.kind == "photo" for one in world.admin.chat(world.bot))

    def _is_answered(self) -> bool:
        """Whether the telephone of a client shows what an operator has said: as a copy, or in the bot's own message."""
        bot, operators = self._world.bot, {one.id: one for one in self._world.operators}
        said = [seen.text for one in operators.values() for seen in one.chat(bot) if seen.sender == one.id]
        shown = [seen for one in self._world.clients for seen in one.chat(bot) if seen.sender != one.id]
        return any(
            (seen.copied_from and seen.copied_from[0] in operators)
            or (seen.text and any(text.endswith(seen.text) for text in said))
            for seen in shown
        )

    # --- each step, done by itself ---------------------------------------------------------------------------------

    async def _write(self) -> None:
        client, bot = self._world.clients[0], self._world.bot
        if not client.chat(bot):
            await client.starts(bot)
            await client.sees(bot=bot)
        await client.says(self._texts["tour_question"], to=bot)

    async def _take(self) -> None:
        await self._press("take")

    async def _answer(self) -> None:
        for operator, card in self._cards("close"):
            await operator.replies(card, self._texts["tour_reply"])
            return

    async def _kill(self) -> None:
        await self._world.clients[0].says(self._texts["tour_more"], to=self._world.bot)
        await self._world.kill_product()

    async def _close(self) -> None:
        await self._press("close")

    async def _stats(self) -> None:
        await self._world.admin.says("/stats", to=self._world.bot)

    async def _press(self, action: str) -> None:
        for operator, card in self._cards(action):
            await operator.presses(card, callback_data=pressable(card, action))
            return

    def _cards(self, action: str) -> list[tuple[Person, SeenMessage]]:
        """The cards on which a button can be pressed, the oldest of each operator first."""
        return [
            (operator, message)
            for operator in self._world.operators
            for message in operator.chat(self._world.bot)
            if pressable(message, action)
        ]
