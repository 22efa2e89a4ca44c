"""Short ways for stories of admins: what was answered, and what a pressed screen shows afterwards."""

import re

from bot.sandbox import BotHandle, Person, SeenMessage
from tests.support.people import RunningApp

INVITES = re.compile(r"start=((?:op|admin)_[\w-]+)")

ALERTS = ("🌙", "🎉", "⏳ #", "📭")


def is_alert(seen: SeenMessage) -> bool:
    """Whether a message tells an admin what has happened, rather than answering what they did."""
    return seen.text.startswith(ALERTS)


async def types(crm: RunningApp, who: Person, words: str, *, to: BotHandle | None = None) -> SeenMessage:
    """Says something and returns the first answer."""
    said = await who.says(words, to=to)
    await crm.settled()
    answers = [seen for seen in who.chat(to) if seen.id > said.id and seen.sender != who.id and not is_alert(seen)]
    assert answers, f"nobody answered {words!r}"
    return answers[0]


async def presses(crm: RunningApp, who: Person, screen: SeenMessage, label: str) -> SeenMessage:
    """Presses a button and returns the same message as it stands then; no new one may have come of it.

    (An invitation may: it is for somebody else, and is forwarded.)
    """
    before = {seen.id for seen in who.chat()}
    await (await who.presses(screen, label)).answer()
    await crm.settled()
    fresh = [seen for seen in who.chat() if seen.id not in before and seen.buttons]
    fresh = [seen for seen in fresh if not INVITES.search(seen.text) and not is_alert(seen)]
    assert not fresh, f"{label!r} brought a new screen instead of changing the pressed one: {fresh}"
    return next(seen for seen in who.chat() if seen.id == screen.id)


def invitation(who: Person) -> SeenMessage:
    """The newest invitation in a chat: a message of its own, which is forwarded as it is."""
    found = [seen for seen in who.chat() if seen.sender != who.id and INVITES.search(seen.text)]
    assert found, "nobody was invited"
    return found[-1]


async def invites(crm: RunningApp, who: Person, words: str) -> str:
    """Invites somebody by a command. Returns the payload of the link."""
    await types(crm, who, words)
    found = INVITES.search(invitation(who).text)
    assert found is not None
    return found[1]
