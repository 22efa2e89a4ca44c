"""The scene of slips: words without a reply, corrected or taken back, late thanks, news about a closed request."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bot.demo.arrivals import Arrivals
from bot.demo.conversations import PATIENCE, Pause, pressable
from bot.demo.screen import Screen
from bot.sandbox import BotHandle, Person, SeenMessage
from bot.sandbox.world.content import text

BEAT = (0.2, 0.4)  # seconds before somebody does the next thing
SAID_BY_CLIENTS, SAID_BY_OPERATORS = 4, 5  # messages of the scene


@dataclass(frozen=True, slots=True)
class Slip:
    """What is said in the scene.

    Attributes:
        first, second: the two clients, as first and last name.
        questions: what each of them asks.
        unquoted: the answer to the second, which is no reply to anything.
        quoted, doubt: the words of it that the second quotes, and what they ask about these.
        corrected: what the answer becomes.
        answer, thanks: the answer to the first, and their words after the request was closed.
        mistake, instead: what goes to the second and is taken back; what is written instead.
        news: written to the second after the request was closed.
    """

    first: tuple[str, str]
    second: tuple[str, str]
    questions: tuple[str, str]
    unquoted: str
    quoted: str
    doubt: str
    corrected: str
    answer: str
    thanks: str
    mistake: str
    instead: str
    news: str


SLIPS = {
    "en": Slip(
        first=("Oscar", "Weber"),
        second=("Zoe", "Martin"),
        questions=("Are you open on Sunday?", "How much is the Snowflake lamp?"),
        unquoted="29 euros, with the bulb.",
        quoted="29 euros",
        doubt="The shop window says 27?",
        corrected="27 euros, with the bulb.",
        answer="Yes, from ten to four.",
        thanks="Thank you!",
        mistake="The blue one costs 92.",
        instead="The blue one costs 27, too.",
        news="The blue one has arrived, come by!",
    ),
    "ru": Slip(
        first=("Олег", "Вебер"),
        second=("Зоя", "Мартынова"),
        questions=("В воскресенье работаете?", "Сколько стоит «Снежинка»?"),
        unquoted="2 900 рублей, с лампочкой.",
        quoted="2 900 рублей",
        doubt="А на витрине 2 700?",
        corrected="2 700 рублей, с лампочкой.",
        answer="Да, с десяти до четырёх.",
        thanks="Спасибо!",
        mistake="Синяя стоит 9 200.",
        instead="Синяя стоит тоже 2 700.",
        news="Синяя приехала, заходите!",
    ),
}


class SlipScene:
    """Plays the scene in one bot, with one operator on duty and the others away for a while."""

    def __init__(
        self,
        screen: Screen,
        captions: dict[str, str],
        arrivals: Arrivals,
        pause: Pause,
        *,
        bot: BotHandle,
        operator: Person,
        settle: Callable[[], Awaitable[None]],
    ) -> None:
        """
        Args:
            operator: who stays on duty and gets both requests.
            settle: waits until everything that was done has had its effect.
        """
        self._screen, self._captions, self._arrivals, self._pause = screen, captions, arrivals, pause
        self._bot, self._operator, self._settle = bot, operator, settle

    async def play(self, slip: Slip, clients: tuple[Person, Person], others: list[Person]) -> None:
        """From the colleagues' leaving to their return. Raises TimeoutError or AssertionError where it gets stuck."""
        for one in others:
            await self._command(one, "/offline")
        try:
            await self._play(slip, clients)
        finally:
            for one in others:
                await self._command(one, "/online")

    async def _play(self, slip: Slip, clients: tuple[Person, Person]) -> None:
        cards = [await self._asks(client, question) for client, question in zip(clients, slip.questions, strict=True)]
        said = await self._is_asked(slip.unquoted, cards[1], clients[1])
        await self._is_corrected(said, slip, clients[1])
        await self._reaches(await self._operator.replies(cards[0], slip.answer))
        await self._closes(cards[0])
        await self._late(clients[0], slip.thanks)
        await self._takes_back(slip.mistake)
        await self._reaches(await self._operator.says(slip.instead, to=self._bot))
        await self._closes(cards[1])
        await self._reopens(cards[1], slip.news)
        await self._closes(cards[1])

    async def _command(self, who: Person, command: str) -> None:
        self._screen.row(None, f"{who.first_name} → @{self._bot.username}", command)
        await who.says(command, to=self._bot)
        await self._settle()

    async def _asks(self, client: Person, question: str) -> SeenMessage:
        """A client writes. Returns the card."""
        await client.says(question, to=self._bot)
        name = f"{client.first_name} {client.user['last_name']}"
        _chat, message_id = await self._arrivals.card(self._bot.id, name, within=PATIENCE)
        return await self._sees(lambda seen: seen.id == message_id)

    async def _is_asked(self, words: str, card: SeenMessage, client: Person) -> SeenMessage:
        """Words that may be for two clients: the bot asks, and the operator chooses. Returns the words."""
        said = await self._operator.says(words, to=self._bot)
        self._screen.row(None, self._captions["unquoted"].format(operator=self._operator.first_name), words)
        question = await self._sees(lambda seen: seen.reply_to == said.id and bool(seen.labels))
        self._bot_says(question)
        await self._pause(BEAT)
        await self._operator.presses(question, client.first_name)
        await self._reaches(said)
        return said

    async def _is_corrected(self, said: SeenMessage, slip: Slip, client: Person) -> None:
        """The client quotes the words that puzzle them, and the operator edits theirs: the client sees the new ones."""
        seen = await client.sees(
            lambda one: one.copied_from == (said.chat_id, said.id), bot=self._bot, timeout=PATIENCE
        )
        quote = {"text": slip.quoted, "position": slip.unquoted.index(slip.quoted), "is_manual": True}
        await self._pause(BEAT)
        doubt = await client.sends(text(slip.doubt), to=self._bot, reply_to=seen, parts={"quote": quote})
        await self._reaches(doubt)
        await self._pause(BEAT)
        await self._operator.edits(said, slip.corrected)
        await client.sees(lambda one: one.id == seen.id and one.text == slip.corrected, bot=self._bot, timeout=PATIENCE)

    async def _late(self, client: Person, words: str) -> None:
        """Words after the end: they come under the closed card and open nothing."""
        await self._reaches(await client.says(words, to=self._bot))
        offer = await self._sees(lambda seen: pressable(seen, "late_no") is not None)
        self._bot_says(offer, offer.text.splitlines()[-1])
        await self._pause(BEAT)
        await self._operator.presses(offer, callback_data=pressable(offer, "late_no"))
        await self._settle()

    async def _takes_back(self, words: str) -> None:
        """Words that can be for one client only go by themselves; a line says to whom, and takes them back."""
        said = await self._operator.says(words, to=self._bot)
        await self._reaches(said)
        line = await self._sees(lambda seen: seen.reply_to == said.id and bool(seen.labels))
        self._bot_says(line)
        await self._pause(BEAT)
        await self._operator.presses(line, line.labels[0])
        await self._settle()
        self._bot_says(await self._sees(lambda seen: seen.id == line.id))

    async def _reopens(self, card: SeenMessage, words: str) -> None:
        """Words to a closed request are sent with the press that opens it again."""
        said = await self._operator.replies(card, words)
        offer = await self._sees(lambda seen: seen.reply_to == said.id and bool(seen.labels))
        self._bot_says(offer)
        await self._pause(BEAT)
        await self._operator.presses(offer, offer.labels[0])
        await self._reaches(said)

    async def _closes(self, card: SeenMessage) -> None:
        await self._settle()
        await self._pause(BEAT)
        open_card = await self._sees(lambda seen: seen.id == card.id and pressable(seen, "close") is not None)
        await self._operator.presses(open_card, callback_data=pressable(open_card, "close"))
        await self._settle()

    async def _reaches(self, message: SeenMessage) -> None:
        await self._arrivals.copy(self._bot.id, message.chat_id, message.id, within=PATIENCE)

    async def _sees(self, wanted: Callable[[SeenMessage], bool]) -> SeenMessage:
        return await self._operator.sees(wanted, bot=self._bot, timeout=PATIENCE)

    def _bot_says(self, message: SeenMessage, words: str | None = None) -> None:
        who = self._captions["bot_to"].format(client=self._operator.first_name)
        buttons = " ".join(f"[{label}]" for label in message.labels)
        self._screen.row(None, who, f"{words or message.text} {buttons}".replace("\n", " "), quiet=True)
