"""After a change of a setting: what it would have meant yesterday, where a replay can say it."""

from collections.abc import Callable
from typing import Any

import structlog

from bot.handling.act import Act
from bot.logs import describe_error
from bot.screens.message import OutgoingMessage, text_message
from bot.texts import Translator
from bot.texts.replays import preview
from crm_core.access.actors import Actor
from crm_core.errors import CrmError
from crm_core.replay.asking import ask, yesterday
from crm_core.replay.changed import beside
from crm_core.replay.changes import Changes

log = structlog.get_logger("previews")


async def change_setting(
    act: Act,
    actor: Actor,
    action: Callable[..., Any],
    _: Translator,
    *,
    then_read: Callable[[Any], Any],
    screen: Callable[[Any, Any, str], OutgoingMessage],
    source_id: int | None = None,
    operator_id: int | None = None,
    **values: Any,
) -> None:
    """Changes a setting, answers, and then adds what the change would have meant yesterday.

    Which setting it is, and whether a replay knows it, follows from the events of the change
    (`crm_core.replay.settings`): a new one needs nothing here.

    Args:
        action: from `crm_core`; it gets the ids that are given, and `values`.
        then_read: a query after it, in the same transaction.
        screen: the answer, from the result of the action, what was read, and the sentences on yesterday.

    Raises what the action raises.
    """
    ids: dict[str, Any] = {
        name: one for name, one in (("source_id", source_id), ("operator_id", operator_id)) if one is not None
    }
    began = act.clock()
    done: list[tuple[Any, Any, Changes]] = []

    def answer(result: Any, found: tuple[Any, Changes]) -> OutgoingMessage:
        done[:] = [(result, *found)]
        return screen(result, found[0], "")

    await act(
        action,
        actor=actor,
        then_read=beside(then_read, since=began, actor=actor, **ids),
        screen=answer,
        **ids,
        **values,
    )
    result, seen, changes = done[0]
    if changes.values:
        await _add_preview(act, actor, changes, _, screen=lambda said: screen(result, seen, said), **ids)


async def _add_preview(
    act: Act,
    actor: Actor,
    changes: Changes,
    _: Translator,
    *,
    screen: Callable[[str], OutgoingMessage],
    source_id: int | None = None,
    operator_id: int | None = None,
) -> None:
    """Adds sentences on yesterday to the answer to a change: to the pressed screen, or in a message below it.

    The change is stored and answered before, and nothing depends on this: a day with too many requests, and whatever
    fails, leaves it out.
    """
    now = act.clock()
    try:
        found = await ask(act.db, wish=yesterday(changes), actor=actor, now=now, zone=act.zone)
        text = preview(found, source_id, operator_id, _)
        if text and act.pressed is not None:
            await act.later(screen(text), in_place=True)
        elif text:
            await act.later(text_message(text))
    except CrmError:
        return
    except Exception as error:
        log.warning("preview_failed", error=describe_error(error))
