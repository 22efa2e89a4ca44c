"""Setting an operator's weight at a source, by buttons and by typed commands alike."""

from functools import partial

from bot.admins.operator_screens import unreached
from bot.admins.previews import change_setting
from bot.admins.source_screens import weights_screen
from bot.handling.act import Act
from bot.screens.keyboards import sentences
from bot.screens.message import OutgoingMessage
from bot.texts import Translator
from bot.texts.phrases import assigned_note, percent
from crm_core.access.actors import Actor
from crm_core.names import read_number
from crm_core.routing import weight_settings
from crm_core.routing.giving_out import Assigned
from crm_core.routing.weight_settings import WEIGHT_LARGEST
from crm_core.team import operators
from crm_core.team.operators import SourceTeam


async def set_weight(act: Act, actor: Actor, source_id: int, operator_id: int, typed: str, _: Translator) -> None:
    """Sets a weight and answers with the source's weights; then says what it would have meant yesterday.

    Raises BadValue if what was typed is not a weight.
    """
    weight = read_number(typed, field="weight", minimum=0, maximum=WEIGHT_LARGEST)

    def done(assigned: Assigned, team: SourceTeam, preview: str) -> OutgoingMessage:
        facts = next(one for one in team.operators if one.id == operator_id)
        share = next((one for one in team.source.shares if one.operator_id == operator_id), None)
        if share is None:
            text = _("{operator} no longer gets requests from {source}.")
            note = text.format(operator=facts.name, source=team.source.source.name)
        else:
            text = _("{operator}'s weight at {source} is now {weight} ({part} of its requests).")
            note = text.format(
                operator=facts.name, weight=weight, source=team.source.source.name, part=percent(share.part, _)
            )
        missing = unreached(facts, _) if team.source.source.bot in facts.missing_bots else ""
        warning = f"⚠️ {facts.name}: {missing}." if missing else ""
        said = sentences(note, assigned_note(assigned, _), warning, preview)
        return weights_screen(team.source, team.operators, _, note=said)

    await change_setting(
        act,
        actor,
        weight_settings.set_weight,
        _,
        then_read=partial(operators.source_team, source_id=source_id),
        screen=done,
        source_id=source_id,
        operator_id=operator_id,
        weight=weight,
    )
