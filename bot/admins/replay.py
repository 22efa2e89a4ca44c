"""/replay: a past period under other weights, limits, strategies or hours. It changes nothing."""

from datetime import date
from zoneinfo import ZoneInfo

from aiogram import Router
from aiogram.filters import CommandObject
from aiogram.types import Message
from aiogram.utils.formatting import Bold, Code, Text, as_list

from bot.handling.act import Act
from bot.handling.queries import read_as_admin
from bot.screens.keyboards import typed
from bot.screens.message import OutgoingMessage, shorten, text_message
from bot.telegram.limits import MESSAGE_LONGEST
from bot.texts import Translator
from bot.texts.replays import days_name, replay_blocks
from crm_core.access.actors import Actor
from crm_core.messaging.messages import utf16_units
from crm_core.replay import asking
from crm_core.replay.asking import Wish, ask
from crm_core.replay.days import read_days
from crm_core.replay.figures import Replay
from crm_core.replay.typed import TypedChange, split
from crm_core.storage.database import Database

router = Router(name="admins.replay")

CHANGES_SHOWN = 10


@router.message(typed("replay"))
async def on_replay(
    message: Message, command: CommandObject, actor: Actor, act: Act, db: Database, timezone: str, _: Translator
) -> None:
    """`/replay`, `/replay 7`, `/replay yesterday shop_bot.Anna.weight=40, Anna.limit=5`."""
    period, changes = split(command.args or "", await read_as_admin(db, actor, asking.names))
    now = act.clock()
    found = await ask(db, wish=Wish(period, typed=changes), actor=actor, now=now, zone=timezone)
    first, last = read_days(period, today=now.astimezone(ZoneInfo(timezone)).date())
    await act.answer(_screen(found, changes, first, last, _))


def _screen(found: Replay, changes: list[TypedChange], first: date, last: date, _: Translator) -> OutgoingMessage:
    title = _("🔁 Replay: {days}").format(days=days_name(first, last, _))
    lines: list[Text] = [Text(Bold(title))]
    lines += [Text(Code(shorten(str(one), 80))) for one in changes[:CHANGES_SHOWN]]
    end = [Text(), *_ending(bool(changes), _)]
    room = MESSAGE_LONGEST - 100 - sum(_length(one) for one in [*lines, *end])
    for heading, items in replay_blocks(found, _, is_changed=bool(changes)):
        block = [Text(), Text(Bold(heading)), *map(Text, items)]
        room -= sum(map(_length, block))
        if room < 0:
            lines.append(Text("…"))
            break
        lines += block
    return text_message(as_list(*lines, *end))


def _ending(is_changed: bool, _: Translator) -> list[Text]:
    if is_changed:
        return [Text(_("What was → what would have been. Nothing has been changed."))]
    yesterday = _("yesterday")
    example = _("shop_bot.Anna.weight=40, Anna.limit=5, shop_bot.strategy=exact, Anna.hours=mon-fri 9-18")
    return [
        Text(_("What if it had been otherwise? Add settings, and nothing is changed:")),
        Text(Code(f"/replay {yesterday} {example}")),
    ]


def _length(line: Text) -> int:
    return utf16_units(line.render()[0]) + 1
