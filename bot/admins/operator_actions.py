"""What admins can change about operators, by buttons and typed alike; each change ends with the operator's screen."""

from functools import partial

from bot.admins.invitation_message import operator_invitation
from bot.admins.operator_screens import operator_screen, operators_screen
from bot.admins.setting_changes import change_operator
from bot.admins.verbs import show_usage
from bot.handling.act import Act
from bot.handling.prompts import await_correction
from bot.random_codes import new_code
from bot.screens.keyboards import sentences
from bot.screens.links import OPERATOR_PAYLOAD, link
from bot.screens.message import OutgoingMessage
from bot.texts import Translator
from crm_core.access.actors import Actor
from crm_core.names import TypedLine, read_number
from crm_core.routing import weight_settings
from crm_core.storage.database import Database
from crm_core.team import accounts, departure, invitations, operators
from crm_core.team.operators import DEFAULT_LIMIT, LIMIT_LARGEST, OperatorDetails, OperatorFacts

SOURCES_NAMED = 5


async def set_limit(act: Act, actor: Actor, operator_id: int, typed: str, _: Translator) -> None:
    """Sets how many open requests an operator can have. Raises BadValue if what was typed is not such a number."""

    def note(seen: OperatorDetails) -> str:
        text = _("{operator}'s limit of open requests is now {limit}.")
        return text.format(operator=seen.facts.name, limit=seen.facts.max_leads)

    limit = read_number(typed, field="limit", minimum=0, maximum=LIMIT_LARGEST)
    await change_operator(act, actor, operators.set_limit, operator_id, _, note=note, max_leads=limit)


async def switch(act: Act, actor: Actor, operator_id: int, is_on: bool, _: Translator) -> None:
    """Switches an operator on or off."""

    def note(seen: OperatorDetails) -> str:
        if is_on:
            text = _("{operator} is switched on: new requests can come.")
        else:
            text = _("{operator} is switched off: no new requests, open ones can still be finished.")
        return text.format(operator=seen.facts.name)

    await change_operator(act, actor, operators.set_active, operator_id, _, note=note, is_active=is_on)


async def rename(act: Act, actor: Actor, operator_id: int, name: str, _: Translator) -> None:
    """Renames an operator."""

    def note(seen: OperatorDetails) -> str:
        return _("The name is now {operator}.").format(operator=seen.facts.name)

    await change_operator(act, actor, operators.rename, operator_id, _, note=note, name=name)


async def add(act: Act, actor: Actor, db: Database, line: TypedLine, _: Translator) -> None:
    """Adds an operator from a typed name and perhaps a limit, and answers with the invitation link."""
    if not line:
        await show_usage(act, _("Specify the name and the limit"), _("/operators add Anna 10"))
        return
    limit = line.number if len(line) > 1 else None
    name = line.from_word(0, -1).name if limit is not None else line.name
    bots = await db.read(accounts.bot_usernames)
    code = new_code()
    address = link(bots[act.bot_id], OPERATOR_PAYLOAD + code)
    most = DEFAULT_LIMIT if limit is None else read_number(limit, field="limit", minimum=0, maximum=LIMIT_LARGEST)

    def done(added: OperatorDetails) -> OutgoingMessage:
        text = _("{operator} has been added, with a limit of {limit}.")
        note = text.format(operator=added.facts.name, limit=added.facts.max_leads)
        return operator_screen(added, _, note=sentences(note, _("Forward the next message to them.")))

    await_correction(act, actor, "operator_added", name=name)
    await act(
        invitations.invite_operator,
        name=name,
        max_leads=most,
        code=code,
        actor=actor,
        reply=done,
        also=lambda added: operator_invitation(added.facts.name, bots[act.bot_id], address, _),
    )


async def give_source(act: Act, actor: Actor, operator_id: int, source_id: int, _: Translator) -> None:
    """Gives an operator a source, or all (0), with the usual weight."""

    def note(seen: OperatorDetails) -> str:
        names = ", ".join(share.source for share in seen.shares[:SOURCES_NAMED])
        if len(seen.shares) > SOURCES_NAMED:
            names += " …"
        text = _("{operator} now gets requests from {source}.")
        return text.format(operator=seen.facts.name, source=names)

    await change_operator(
        act, actor, weight_settings.give_usual_weights, operator_id, _, note=note, source_id=source_id or None
    )


async def invite(act: Act, actor: Actor, db: Database, operator_id: int, _: Translator) -> None:
    """Makes a new invitation link for an operator; earlier ones stop working."""
    bots = await db.read(accounts.bot_usernames)
    code = new_code()
    address = link(bots[act.bot_id], OPERATOR_PAYLOAD + code)
    await act(
        invitations.invite,
        code=code,
        role="operator",
        operator_id=operator_id,
        actor=actor,
        then_read=partial(operators.details, operator_id=operator_id),
        screen=lambda made, seen: operator_screen(
            seen, _, note=sentences(_("Earlier links no longer work."), _("Forward the next message to them."))
        ),
        also=lambda made, seen: operator_invitation(seen.facts.name, bots[act.bot_id], address, _),
    )


async def remove(act: Act, actor: Actor, facts: OperatorFacts, _: Translator) -> None:
    """Removes an operator for good; their open requests go back to the queue or to others."""

    def done(removed: departure.Removed, known: list[operators.OperatorFacts]) -> OutgoingMessage:
        note = _("{operator} has been removed.").format(operator=facts.name)
        back = waits = ""
        if removed.returned:
            back = _.plural(
                "{n} request went back to the queue.", "{n} requests went back to the queue.", removed.returned
            ).format(n=removed.returned)
        if removed.waiting:
            waits = _.plural("{n} of them is waiting: /queue", "{n} of them are waiting: /queue", removed.waiting)
            waits = waits.format(n=removed.waiting)
        return operators_screen(known, _, note=sentences(note, back, waits))

    await act(departure.remove, operator_id=facts.id, actor=actor, then_read=operators.listing, screen=done)
