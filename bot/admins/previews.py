"""After a change of a weight, a limit or working hours: what it would have meant yesterday."""

from collections.abc import Callable

import structlog

from bot.handling.act import Act
from bot.logs import describe_error
from bot.screens.message import OutgoingMessage, text_message
from bot.texts import Translator
from bot.texts.replays import preview
from crm_core.access.actors import Actor
from crm_core.errors import CrmError
from crm_core.replay.asking import ask, yesterday
from crm_core.replay.changes import Changes

log = structlog.get_logger("previews")


async def add_preview(
    act: Act,
    actor: Actor,
    changes: Changes,
    zone: str,
    _: Translator,
    *,
    screen: Callable[[str], OutgoingMessage],
    operator_id: int,
    source_id: int | None = None,
) -> None:
    """Adds a sentence on yesterday to the answer to a change: to the pressed screen, or in a message below it.

    The change is stored and answered before, and nothing depends on this: a day with too many requests, and whatever
    fails, leaves it out.

    Args:
        zone: the installation's time zone.
        screen: the answer with a sentence more.
        source_id: whose requests are counted; None for all.
    """
    now = act.clock()
    try:
        found = await ask(act.db, wish=yesterday(changes), actor=actor, now=now, zone=zone)
        text = preview(found, operator_id, source_id, _)
        if text and act.pressed is not None:
            await act.later(screen(text), in_place=True)
        elif text:
            await act.later(text_message(text))
    except CrmError:
        return
    except Exception as error:
        log.warning("preview_failed", error=describe_error(error))
