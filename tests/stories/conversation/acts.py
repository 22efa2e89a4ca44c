"""What somebody does with a message of a cell, or says after it."""

from collections.abc import Awaitable, Callable

from bot.sandbox import Person
from bot.sandbox.world import content as kinds
from bot.sandbox.world.content import Content
from tests.stories.conversation.cells import Cell
from tests.stories.conversation.columns import Direction
from tests.support.people import RunningApp

Act = Callable[[Cell, RunningApp], Awaitable[None]]


def edits(*new: str | Content, part: int = 0, removes_media: bool = False) -> Act:
    """The writer edits what they said, perhaps several times.

    Args:
        part: of an album, which of its messages.
        removes_media: whether a text takes the place of a file.
    """

    async def act(cell: Cell, crm: RunningApp) -> None:
        for content in new:
            takes_away = removes_media and (isinstance(content, str) or content.kind == "text")
            await cell.writer.edits(cell.said[part], content, removes_media=takes_away)

    return act


def replies(words: str, *, to_own: bool = False, quote: str | None = None) -> Act:
    """A reply to what the other side had said, or to the writer's own words, perhaps to some words of it."""

    async def act(cell: Cell, crm: RunningApp) -> None:
        who = cell.writer if to_own else _speaker(cell)
        target = cell.said[0] if to_own else cell.theirs(who, crm)
        parts = None if quote is None else {"quote": {"text": quote, "position": 0, "is_manual": True}}
        await who.sends(kinds.text(words), to=crm.shop, reply_to=target, parts=parts)

    return act


def reacts(*emoji: str | None) -> Act:
    """The writer reacts to what the other side had said; None takes that back."""

    async def act(cell: Cell, crm: RunningApp) -> None:
        who = _speaker(cell)
        target = cell.theirs(who, crm)
        for one in emoji:
            await who.reacts(target, one)

    return act


async def deletes(cell: Cell, crm: RunningApp) -> None:
    """An operator takes their words back; a client deletes them, of which no bot hears."""
    if cell.direction is Direction.TO_CLIENT:
        await cell.anna.replies(cell.said[0], "/del")
    else:
        await cell.client.deletes(cell.said[0])


def _speaker(cell: Cell) -> Person:
    """Whoever writes on this side by now."""
    return cell.client if cell.direction is Direction.TO_OPERATOR else cell.holder
