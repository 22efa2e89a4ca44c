"""What an operator still holds who goes: for each request its card, and the ways to leave it to others or to end it."""

from collections.abc import Sequence

from aiogram.types import InlineKeyboardMarkup

from bot.screens.contact_buttons import KeepHeld, LeaveAll, LeaveContact, ShowCard
from bot.screens.contact_label import contact_label
from bot.screens.keyboards import button, keyboard
from bot.texts import Translator
from crm_core.conversation.leaving import Held

SHOWN = 7  # requests with buttons: with the two last ones they fit a phone's screen


def leaving_text(held: Sequence[Held], _: Translator) -> str:
    """How much is open, and what becomes of it."""
    lines = [_.plural("{n} request of yours is open.", "{n} requests of yours are open.", len(held))]
    lines[0] = lines[0].format(n=len(held))
    after = [one.handed_over_after for one in held if one.waits_since and one.handed_over_after is not None]
    if after:
        text = _("Where a client waits (🔴), somebody else gets the request once you have been away for {n} min.")
        lines.append(text.format(n=min(after)))
    if len(held) > SHOWN:
        lines.append(_("… and {n} more: /my").format(n=len(held) - SHOWN))
    return "\n".join(lines)


def leaving_buttons(held: Sequence[Held], _: Translator) -> InlineKeyboardMarkup | None:
    """A line for each request: its card, giving it back, and closing it if it was taken; then for all together."""
    lines = []
    for one in held[:SHOWN]:
        number = {"contact_id": one.contact_id, "version": one.version}
        mark = "🟢" if one.waits_since is None else "🔴"
        label = contact_label(one.contact_id, one.lead_name, _, longest=16)
        line = [
            button(f"{mark} {label}", ShowCard(contact_id=one.contact_id)),
            button(_("📤 Give back"), LeaveContact(**number, is_closed=False)),
        ]
        if one.is_taken:
            line.append(button(_("✔️ Close"), LeaveContact(**number, is_closed=True)))
        lines.append(line)
    if not lines:
        return None
    waiting = sum(one.waits_since is not None for one in held)
    together = [button(_("📤 Unanswered: {n}").format(n=waiting), LeaveAll())] if waiting else []
    return keyboard(*lines, [*together, button(_("📌 Keep them"), KeepHeld())])
