"""How sources look to admins: the list, one of them, and its weights."""

from collections.abc import Sequence

from bot.admins.operator_screens import mark, weighed
from bot.admins.settings_table import setting_buttons, value_lines
from bot.admins.source_settings import FIRST_SETTINGS, FURTHER_SETTINGS, SOURCE_SETTINGS
from bot.screens.keyboards import back, button, in_lines, keyboard, of_pages, page_of, titled, turning
from bot.screens.links import link
from bot.screens.message import OutgoingMessage, text_message
from bot.screens.source_buttons import (
    AddLink,
    AskLimitHere,
    AskWeight,
    ListSources,
    MoreOfSource,
    SetLateHours,
    SetPriority,
    SetStickyDays,
    SetStickyMode,
    SetWeight,
    ShowSource,
    SwitchSource,
    TypeLateHours,
    TypeWeight,
    WeightsAt,
)
from bot.texts import Translator
from bot.texts.phrases import percent, weekday_and_time
from crm_core.routing.source_details import Share, SourceDetails
from crm_core.routing.sources import SourceListed
from crm_core.team.operators import OperatorFacts

LATE_HOURS = (0, 1, 4, 12, 24, 48, 72, 168)
STICKY_DAYS = (0, 1, 7, 14, 30, 90)
PRIORITIES = (0, 5, 15, 30, 60, 240)  # minutes
WEIGHTS = (0, 1, 5, 10, 20, 30, 50, 100)
GAPS = 3  # stretches without anybody that a screen names
NAMED = 4  # operators of a source in the list
SHOWN = 10  # operators on a source's screen; the others are on the pages of its weights


def sign(source: SourceListed) -> str:
    """A source's kind and state at a glance."""
    if not source.is_active:
        return "⛔️"
    if not source.is_open:
        return "💤"
    if source.slug is not None:
        return "🔗"
    return "🤖" if source.bot else "🌐"


def address(source: SourceListed) -> str | None:
    """The link by which clients come to a source, None for another system."""
    if source.bot is None:
        return None
    return link(source.bot, f"src_{source.slug}") if source.slug else f"https://t.me/{source.bot}"


def _list_lines(details: SourceDetails, _: Translator) -> list[str]:
    """A source in the list: who gets its requests, and how many wait."""
    source, shares = details.source, details.shares
    parts = [f"{sign(source)} {source.name}"]
    if shares:
        named = ", ".join(f"{share.operator} {percent(share.part, _)}" for share in shares[:NAMED])
        parts.append(named + (" …" if len(shares) > NAMED else ""))
    else:
        parts = [f"⚠️ {parts[0]}", _("nobody is assigned")]
    if details.waiting:
        parts.append(_.plural("{n} waiting", "{n} waiting", details.waiting).format(n=details.waiting))
    if not source.is_active:
        parts.append(_("switched off"))
    elif not source.is_open:
        parts.append(_("closed now"))
    if details.uncovered is not None and details.uncovered.gaps:
        parts.append(_("⚠️ hours without anybody"))
    return [" · ".join(parts), *([f"      {source.description}"] if source.description else [])]


def sources_screen(known: Sequence[SourceDetails], _: Translator, *, page: int = 0, note: str = "") -> OutgoingMessage:
    """The list of sources."""
    page, shown = page_of(known, page)
    lines = [line for details in shown for line in _list_lines(details, _)]
    title = _("📥 Sources: {n}").format(n=len(known))
    if of_pages(page, len(known), _):
        title += " · " + of_pages(page, len(known), _)
    buttons = keyboard(
        *in_lines(
            [button(f"{sign(one.source)} {one.source.name}", ShowSource(source_id=one.source.id)) for one in shown],
            2,
        ),
        turning(page, len(known), lambda number: ListSources(page=number)),
        [button(_("➕ New link"), AddLink())],
    )
    return text_message(titled(title, lines, note=note), keyboard=buttons)


def source_screen(details: SourceDetails, _: Translator, *, note: str = "") -> OutgoingMessage:
    """One source, and everything that can be changed about it."""
    source, number = details.source, details.source.id
    lines = [source.description] if source.description else []
    lines.append(address(source) or _("Requests come from another system, through the API."))
    lines.append(
        _("Switched on")
        if source.is_active
        else _("⛔️ Switched off: no new requests are accepted, waiting ones stay in the queue.")
    )
    lines += value_lines(SOURCE_SETTINGS, source, _)
    lines.append(_("Waiting: {n}").format(n=details.waiting))
    lines += _share_lines(details.shares, _)
    lines += _uncovered_lines(details, _)
    lines.append(_("ID for commands: {id}").format(id=number))
    switch = (
        button(_("⛔️ Switch off"), SwitchSource(source_id=number, is_on=False))
        if source.is_active
        else button(_("✅ Switch on"), SwitchSource(source_id=number, is_on=True))
    )
    buttons = keyboard(
        *setting_buttons(FIRST_SETTINGS, source, _),
        [switch, button(_("⚙️ More"), MoreOfSource(source_id=number))],
        back(_("Sources"), ListSources()),
    )
    return text_message(titled(f"{sign(source)} {source.name}", lines, note=note), keyboard=buttons)


def more_screen(source: SourceListed, _: Translator) -> OutgoingMessage:
    """The further settings of a source."""
    lines = [*value_lines(FURTHER_SETTINGS, source, _), _("What else do you want to change?")]
    buttons = keyboard(
        *setting_buttons(FURTHER_SETTINGS, source, _), back(source.name, ShowSource(source_id=source.id))
    )
    return text_message(titled(f"⚙️ {source.name}", lines), keyboard=buttons)


def _uncovered_lines(details: SourceDetails, _: Translator) -> list[str]:
    """When nobody works in the next days though the source is open."""
    if details.uncovered is None or not details.uncovered.gaps:
        return []
    zone = details.uncovered.zone
    shown = [
        f"{weekday_and_time(start.timestamp(), zone, _)} – {weekday_and_time(end.timestamp(), zone, _)}"
        for start, end in details.uncovered.gaps[:GAPS]
    ]
    lines = [_("⚠️ By their hours, nobody works here:"), *(f"  {one}" for one in shown)]
    if len(details.uncovered.gaps) > GAPS:
        lines.append("  " + _("… and {n} more").format(n=len(details.uncovered.gaps) - GAPS))
    return lines


def sticky_days_screen(source: SourceListed, _: Translator) -> OutgoingMessage:
    """Days to choose from."""
    lines = [
        _("For how many days does a client who comes back go to the operator they had? Now: {days}.").format(
            days=source.sticky_days
        ),
        _("If that operator cannot get the request, it goes to another one. With 0, each is given out anew."),
    ]
    offered = [button(str(one), SetStickyDays(source_id=source.id, days=one)) for one in STICKY_DAYS]
    mode = []
    if source.strategy == "exact":
        is_charged = source.sticky_mode == "charged"
        in_share = _("With exact shares, such a request counts in the operator's share.")
        lines.append(in_share if is_charged else _("With exact shares, such a request counts in nobody's share."))
        change = SetStickyMode(source_id=source.id, is_charged=not is_charged)
        mode = [button(_("⚖️ In no share") if is_charged else _("⚖️ In the share"), change)]
    buttons = keyboard(*in_lines(offered, 3), mode, back(source.name, ShowSource(source_id=source.id)))
    return text_message("\n".join(lines), keyboard=buttons)


def priority_screen(source: SourceListed, _: Translator) -> OutgoingMessage:
    """Head starts to choose from."""
    lines = [
        _("By how many minutes do requests from {source} come before those of other sources? Now: {n}.").format(
            source=source.name, n=source.priority_minutes
        ),
        _("In the queue they count as if they had waited so much longer. Within the source nothing changes."),
    ]
    offered = [button(str(one), SetPriority(source_id=source.id, value=one)) for one in PRIORITIES]
    buttons = keyboard(*in_lines(offered, 3), back(source.name, ShowSource(source_id=source.id)))
    return text_message("\n".join(lines), keyboard=buttons)


def late_hours_screen(source: SourceListed, _: Translator) -> OutgoingMessage:
    """Hours to choose from."""
    lines = [
        _("For how many hours after closing does a client's message join the closed request? Now: {hours}.").format(
            hours=source.late_hours
        ),
        _("With 0, every message after closing opens a new request."),
    ]
    offered = [button(str(one), SetLateHours(source_id=source.id, hours=one)) for one in LATE_HOURS]
    buttons = keyboard(
        *in_lines(offered, 4),
        [button(_("Another number…"), TypeLateHours(source_id=source.id))],
        back(source.name, ShowSource(source_id=source.id)),
    )
    return text_message(titled(f"{sign(source)} {source.name}", lines), keyboard=buttons)


def _share_lines(shares: Sequence[Share], _: Translator) -> list[str]:
    if not shares:
        return [_("⚠️ Nobody is assigned here, so requests wait.")]
    lines = [_("Weights:")]
    lines += [f"  {share.operator}: {weighed(share, _)}" for share in shares[:SHOWN]]
    if len(shares) > SHOWN:
        lines.append(_("… and {n} more").format(n=len(shares) - SHOWN))
    return lines


def weights_screen(
    details: SourceDetails, known: Sequence[OperatorFacts], _: Translator, *, page: int = 0, note: str = ""
) -> OutgoingMessage:
    """Every operator with their weight at a source; a press changes it."""
    mine = {share.operator_id: share for share in details.shares}
    ordered = sorted(known, key=lambda facts: -mine[facts.id].weight if facts.id in mine else 0)
    page, shown = page_of(ordered, page)
    number = details.source.id
    lines = _share_lines(details.shares, _)
    if known:
        lines.append(_("Whose weight do you want to change?"))
    else:
        lines.append(_("No operators yet: /operators"))
    buttons = [
        button(
            f"{mark(facts)} {facts.name} · {mine[facts.id].weight if facts.id in mine else '–'}",
            AskWeight(source_id=number, operator_id=facts.id),
        )
        for facts in shown
    ]
    return text_message(
        titled(f"⚖️ {details.source.name}", lines, note=note),
        keyboard=keyboard(
            *in_lines(buttons, 1),
            turning(page, len(known), lambda turned: WeightsAt(source_id=number, page=turned)),
            back(details.source.name, ShowSource(source_id=number)),
        ),
    )


def _effect(weight: int, others: int, _: Translator) -> str:
    """A weight on a button, and what part of the source it would be."""
    return f"{weight} → {percent(weight / (weight + others) if weight else 0.0, _)}"


def weight_screen(details: SourceDetails, facts: OperatorFacts, _: Translator) -> OutgoingMessage:
    """Weights to choose from, for one operator at one source."""
    number = details.source.id
    now = next((share for share in details.shares if share.operator_id == facts.id), None)
    lines = [
        _("Now: {weight}").format(weight=weighed(now, _)) if now else _("Now: not set"),
        _("Weights are relative: 30 next to 10 gets three requests out of four. With 0, no requests come from here."),
    ]
    others = sum(share.weight for share in details.shares if share.operator_id != facts.id)
    offered = [
        button(_effect(one, others, _), SetWeight(source_id=number, operator_id=facts.id, weight=one))
        for one in WEIGHTS
    ]
    buttons = keyboard(
        *in_lines(offered, 2),
        [
            button(_("Another number…"), TypeWeight(source_id=number, operator_id=facts.id)),
            *([button(_("🔢 Limit here"), AskLimitHere(source_id=number, operator_id=facts.id))] if now else []),
        ],
        back(details.source.name, WeightsAt(source_id=number)),
    )
    return text_message(titled(f"⚖️ {facts.name} · {details.source.name}", lines), keyboard=buttons)
