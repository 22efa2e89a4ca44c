"""How operators look to admins: the list, and one of them."""

from collections.abc import Sequence

from bot.admins.operator_settings import OPERATOR_SETTINGS, load
from bot.admins.settings_table import setting_buttons, value_lines
from bot.screens.admin_buttons import ShowChanges
from bot.screens.keyboards import Row, back, button, in_lines, keyboard, of_pages, page_of, titled, turning
from bot.screens.message import OutgoingMessage, text_message
from bot.screens.operator_buttons import (
    AddOperator,
    AnswerMyself,
    GiveSource,
    InviteOperator,
    ListOperators,
    RemoveOperator,
    RenameOperator,
    SetLimit,
    ShowOperator,
    SwitchOperator,
    TypeLimit,
)
from bot.texts import Translator
from bot.texts.phrases import percent
from crm_core.routing.source_details import Share
from crm_core.team.operators import OperatorDetails, OperatorFacts

OFFERED = 4  # sources that a new operator's screen offers; Weights has all
SHOWN = 20  # weights on an operator's screen
LIMITS = (1, 3, 5, 10, 15, 20, 30, 50)


def mark(facts: OperatorFacts) -> str:
    """An operator's state at a glance."""
    if not facts.is_active:
        return "⛔️"
    if facts.telegram_id is None:
        return "✉️"
    if not facts.is_online:
        return "⚪️"
    if not facts.on_shift:
        return "🌙"
    return "🟢" if facts.free and not facts.is_paced and not facts.is_at_ceiling else "🟠"


def state(facts: OperatorFacts, _: Translator) -> str:
    """The same as text."""
    if not facts.is_active:
        return _("switched off")
    if facts.telegram_id is None:
        return _("has not opened the invitation yet")
    if not facts.is_online:
        return _("offline")
    if not facts.on_shift:
        return _("outside working hours")
    if not facts.free:
        return _("online, at the limit")
    if facts.is_at_ceiling:
        return _("online, at the ceiling")
    return _("online, at the hourly limit") if facts.is_paced else _("online")


def unreached(facts: OperatorFacts, _: Translator) -> str:
    """Which bots cannot write to an operator; empty if none."""
    if facts.telegram_id is None or not facts.missing_bots:
        return ""
    bots = ", ".join(f"@{name}" for name in facts.missing_bots)
    return _("has not started or has blocked {bots}").format(bots=bots)


def labelled(facts: OperatorFacts) -> str:
    """An operator on a button: state, name, load/limit."""
    return f"{mark(facts)} {facts.name} {facts.current_leads}/{facts.max_leads}"


def weighed(share: Share, _: Translator) -> str:
    """A weight with the share that it gives, and the limit at that source if there is one: `30 (75%), at most 3`."""
    weight = f"{share.weight} ({percent(share.part, _)})"
    return weight if share.limit is None else weight + ", " + _("at most {n}").format(n=share.limit)


def operators_screen(
    known: Sequence[OperatorFacts], _: Translator, *, page: int = 0, note: str = "", is_operator: bool = True
) -> OutgoingMessage:
    """The list of operators.

    Args:
        is_operator: whether the reader is one of them; if not, a button makes them one.
    """
    page, shown = page_of(known, page)
    lines = []
    for facts in shown:
        lines.append(f"{mark(facts)} {facts.name}: {state(facts, _)}; {load(facts, _)}")
        if unreached(facts, _):
            lines.append(f"      ⚠️ {unreached(facts, _)}")
    if not known:
        lines.append(_("No operators yet. Add one and send them the invitation link."))
    title = _("👥 Operators: {n}").format(n=len(known))
    if of_pages(page, len(known), _):
        title += " · " + of_pages(page, len(known), _)
    buttons = keyboard(
        *in_lines([button(f"{mark(one)} {one.name}", ShowOperator(operator_id=one.id)) for one in shown], 2),
        turning(page, len(known), lambda number: ListOperators(page=number)),
        [
            button(_("➕ Add an operator"), AddOperator()),
            *([] if is_operator else [button(_("🙋 I'll answer myself"), AnswerMyself())]),
        ],
    )
    return text_message(titled(title, lines, note=note), keyboard=buttons)


def operator_screen(details: OperatorDetails, _: Translator, *, note: str = "") -> OutgoingMessage:
    """One operator, and everything that can be changed about them."""
    facts, number = details.facts, details.facts.id
    lines = [f"{mark(facts)} {state(facts, _)}", *value_lines(OPERATOR_SETTINGS, facts, _)]
    if details.shares:
        # A share of a source is what matters; the weights alone say nothing without those of the others.
        lines += [_("Weights:")]
        lines += [f"  {share.source}: {weighed(share, _)}" for share in details.shares[:SHOWN]]
        if len(details.shares) > SHOWN:
            lines.append(_("… and {n} more").format(n=len(details.shares) - SHOWN))
    else:
        lines.append(_("⚠️ No weights yet, so no requests come. Where should they come from?"))
    if unreached(facts, _):
        lines.append(f"⚠️ {unreached(facts, _)}")
    lines.append(_("ID for commands: {id}").format(id=number))
    buttons = keyboard(
        *_offered(details, _),
        *setting_buttons(OPERATOR_SETTINGS, facts, _, each=3),
        [
            button(_("✏️ Rename"), RenameOperator(operator_id=number)),
            button(_("⛔️ Switch off"), SwitchOperator(operator_id=number, is_on=False))
            if facts.is_active
            else button(_("✅ Switch on"), SwitchOperator(operator_id=number, is_on=True)),
        ],
        [
            button(_("✉️ New invitation"), InviteOperator(operator_id=number)),
            button(_("🗑 Remove"), RemoveOperator(operator_id=number)),
        ],
        [*back(_("Operators"), ListOperators()), button(_("🕓 Changes"), ShowChanges(operator_id=number))],
    )
    return text_message(titled(f"👤 {facts.name}", lines, note=note), keyboard=buttons)


def _offered(details: OperatorDetails, _: Translator) -> list[Row]:
    """Sources for somebody without any, each a press away."""
    number, offered = details.facts.id, details.offered[:OFFERED]
    each = [button(f"📥 {one.name}", GiveSource(operator_id=number, source_id=one.id)) for one in offered]
    every = [button(_("📥 All sources"), GiveSource(operator_id=number))] if len(details.offered) > 1 else []
    return [*in_lines(each, 2), every]


def limits_screen(facts: OperatorFacts, _: Translator) -> OutgoingMessage:
    """Limits to choose from."""
    text = _("How many open requests can {operator} have at once? Now: {limit}.")
    offered = [button(str(one), SetLimit(operator_id=facts.id, limit=one)) for one in LIMITS]
    buttons = keyboard(
        *in_lines(offered, 4),
        [button(_("Another number…"), TypeLimit(operator_id=facts.id))],
        back(facts.name, ShowOperator(operator_id=facts.id)),
    )
    return text_message(text.format(operator=facts.name, limit=facts.max_leads), keyboard=buttons)


def removal_screen(facts: OperatorFacts, _: Translator) -> OutgoingMessage:
    """Asks once more before an operator is removed."""
    text = _("Remove {operator} for good?").format(operator=facts.name)
    if facts.current_leads:
        text += " " + _.plural(
            "{n} open request will go back to the queue.",
            "{n} open requests will go back to the queue.",
            facts.current_leads,
        ).format(n=facts.current_leads)
    if facts.snoozed:
        text += " " + _.plural(
            "{n} snoozed request will come back to somebody else.",
            "{n} snoozed requests will come back to somebody else.",
            facts.snoozed,
        ).format(n=facts.snoozed)
    buttons = keyboard(
        [button(_("🗑 Yes, remove"), RemoveOperator(operator_id=facts.id, is_sure=True))],
        back(_("No, keep"), ShowOperator(operator_id=facts.id)),
    )
    return text_message(text, keyboard=buttons)
