"""Changes that end with the screen of the source or the operator whom they are about, and say what was done."""

from collections.abc import Callable
from functools import partial
from typing import Any

from bot.admins.operator_screens import operator_screen
from bot.admins.previews import change_setting
from bot.admins.source_screens import source_screen
from bot.handling.act import Act
from bot.screens.keyboards import sentences
from bot.screens.message import OutgoingMessage
from bot.texts import Translator
from bot.texts.phrases import assigned_note
from crm_core.access.actors import Actor
from crm_core.routing import source_details
from crm_core.routing.giving_out import Assigned
from crm_core.routing.source_details import SourceDetails
from crm_core.team import operators
from crm_core.team.operators import OperatorDetails


async def change_source(
    act: Act,
    actor: Actor,
    action: Callable[..., Any],
    source_id: int,
    _: Translator,
    *,
    note: Callable[[SourceDetails], str] | None = None,
    **values: Any,
) -> None:
    """Changes a source, shows it as it is then, and says what that would have meant yesterday.

    Args:
        action: from `crm_core`; what it assigned, if it says so, is told too.
        note: what was done, in words; `Saved.` unless given.
        values: further arguments of the action.

    Raises what the action raises.
    """

    def done(result: Any, seen: SourceDetails, preview: str) -> OutgoingMessage:
        said = sentences(note(seen) if note else _("Saved."), _assigned(result, _), preview)
        return source_screen(seen, _, note=said)

    # With `now`, or the screen would not warn of hours that nobody covers.
    then_read = partial(source_details.details, source_id=source_id, now=act.clock())
    await change_setting(act, actor, action, _, then_read=then_read, screen=done, source_id=source_id, **values)


async def change_operator(
    act: Act,
    actor: Actor,
    action: Callable[..., Any],
    operator_id: int,
    _: Translator,
    *,
    note: Callable[[OperatorDetails], str],
    **values: Any,
) -> None:
    """Changes an operator, and shows them as they are then; as `change_source` does."""

    def done(result: Any, seen: OperatorDetails, preview: str) -> OutgoingMessage:
        return operator_screen(seen, _, note=sentences(note(seen), _assigned(result, _), preview))

    then_read = partial(operators.details, operator_id=operator_id)
    await change_setting(act, actor, action, _, then_read=then_read, screen=done, operator_id=operator_id, **values)


def _assigned(result: Any, _: Translator) -> str:
    return assigned_note(result, _) if isinstance(result, Assigned) else ""
