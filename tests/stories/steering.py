"""Short ways for stories of admins: what was answered, and what a pressed screen shows afterwards."""

from bot.sandbox import BotHandle, Person, SeenMessage
from tests.support.people import RunningApp


async def types(crm: RunningApp, who: Person, words: str, *, to: BotHandle | None = None) -> SeenMessage:
    """Says something and returns the first answer."""
    said = await who.says(words, to=to)
    await crm.settled()
    answers = [seen for seen in who.chat(to) if seen.id > said.id and seen.sender != who.id]
    assert answers, f"nobody answered {words!r}"
    return answers[0]


async def presses(crm: RunningApp, who: Person, screen: SeenMessage, label: str) -> SeenMessage:
    """Presses a button and returns the same message as it stands then; no new one may have come of it."""
    before = {seen.id for seen in who.chat()}
    await (await who.presses(screen, label)).answer()
    await crm.settled()
    fresh = [seen for seen in who.chat() if seen.id not in before and seen.buttons]
    assert not fresh, f"{label!r} brought a new screen instead of changing the pressed one: {fresh}"
    return next(seen for seen in who.chat() if seen.id == screen.id)
