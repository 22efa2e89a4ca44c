"""The buttons of a card."""

from collections.abc import Sequence
from typing import Any

from aiogram.filters.callback_data import CallbackData

from bot.delivery.styled_text import Clock
from bot.screens.contact_buttons import (
    CloseContact,
    CloseUntaken,
    DeclineBecause,
    DeclineContact,
    DismissLate,
    KeepContact,
    MoreOfContact,
    ReopenContact,
    ReturnContact,
    SnoozeContact,
    SnoozeUntil,
    TakeContact,
    TransferContact,
    TypeSnooze,
    WakeContact,
    WhyContact,
)
from bot.screens.contact_label import one_line
from bot.screens.message import shorten
from bot.texts import Translator
from bot.texts.declining import decline_reason
from crm_core.contacts.decline_reasons import DeclineReason
from crm_core.delivery.claimed_rows import CardData
from crm_core.hours.moments import EVENING, Choice
from crm_core.names import shows_something


def main_buttons(contact: CardData, _: Translator) -> dict[str, Any] | None:
    """What the holder of a contact can do next; None where nothing."""
    # What `pack` returns, without the models that it needs for it.
    take = button(_("✋ Take"), f"{TakeContact.__prefix__}:{contact.id}:{contact.version}", style="success")
    close = button(_("✔️ Close"), f"{CloseContact.__prefix__}:{contact.id}:{contact.version}")
    more = button("⋯", f"{MoreOfContact.__prefix__}:{contact.id}")
    match contact.status:
        case "new" if contact.offered_at is not None:
            declined = DeclineContact(contact_id=contact.id, version=contact.version)
            decline = button(_("🙅 Decline"), declined, style="danger")
            return {"inline_keyboard": [[take, decline, more]]}
        case "new" | "in_progress" if contact.wakes_at is not None:
            wake = button(_("⏰ Wake now"), WakeContact(contact_id=contact.id, version=contact.version))
            return {"inline_keyboard": [*_to_copy(contact), [wake, close, more]]}
        case "new":
            return {"inline_keyboard": [[take, close, more]]}
        case "in_progress":
            return {"inline_keyboard": [*_to_copy(contact), [close, more]]}
        case _closed:
            again = f"{ReopenContact.__prefix__}:{contact.id}:{contact.version}"
            buttons = [button(_("↩️ Reopen"), again)]
            if contact.has_late:
                buttons.append(button(_("👌 Not needed"), f"{DismissLate.__prefix__}:{contact.id}"))
            return {"inline_keyboard": [buttons]}


COPIED_LONGEST = 256  # characters: https://core.telegram.org/bots/api#copytextbutton
LABEL_LONGEST = 32


def _to_copy(contact: CardData) -> list[list[dict[str, Any]]]:
    """A line of buttons that copy the client's phone and e-mail, where these are shown."""
    if contact.status == "new":
        return []
    known = (("📞", contact.phone), ("✉️", contact.email))
    line: list[dict[str, Any]] = [
        {"text": f"{sign} {shorten(one_line(value), LABEL_LONGEST)}", "copy_text": {"text": value}}
        for sign, value in known
        if value and shows_something(value) and len(value) <= COPIED_LONGEST
    ]
    return [line] if line else []


def invites_reply(contact: CardData, *, is_shown_again: bool) -> bool:
    """Whether a new card opens the field for a reply by itself, so that nobody need say whom words are for.

    Only where that cannot mislead what somebody is writing to another client: they asked for this card, or have no
    other one.
    """
    is_open = contact.status != "closed" and contact.offered_at is None and contact.wakes_at is None
    return contact.has_chat and is_open and (is_shown_again or contact.is_alone)


def reason_buttons(contact: CardData, reasons: Sequence[DeclineReason], _: Translator) -> dict[str, Any]:
    """The reasons for declining an offer."""
    number, version = contact.id, contact.version
    lines = [
        [button(decline_reason(one, _), DeclineBecause(contact_id=number, version=version, reason=one.code))]
        for one in reasons
    ]
    return {"inline_keyboard": [*lines, [button(_("◀️ Back"), KeepContact(contact_id=number))]]}


def more_buttons(contact: CardData, _: Translator) -> dict[str, Any]:
    """What else can be done with an open contact."""
    number = contact.id
    lines = [[button(_("❓ Why me?"), WhyContact(contact_id=number))]]
    if contact.offered_at is None and contact.wakes_at is None:
        give_back = ReturnContact(contact_id=number, version=contact.version)
        lines[0].append(button(_("📤 Give back"), give_back))
        lines.append([button(_("⏰ Snooze"), SnoozeContact(contact_id=number, version=contact.version))])
    if contact.offered_at is None:
        transfer = button(_("↪️ Transfer"), TransferContact(contact_id=number, version=contact.version))
        lines = [*lines[:1], [transfer, *(one for line in lines[1:] for one in line)]]
    return {"inline_keyboard": [*lines, [button(_("◀️ Back"), KeepContact(contact_id=number))]]}


def snooze_buttons(contact: CardData, clock: Clock) -> dict[str, Any]:
    """Until when a contact can be snoozed."""
    number, version, _ = contact.id, contact.version, clock.translator
    names = {
        Choice.HOUR: _("In an hour"),
        Choice.EVENING: _("This evening, 18:00"),
        Choice.TOMORROW: _("Tomorrow, 9:00"),
        Choice.MONDAY: _("Monday, 9:00"),
    }
    if clock.now.astimezone(clock.zone).time() >= EVENING:
        del names[Choice.EVENING]
    offered = [
        button(name, SnoozeUntil(contact_id=number, version=version, until=choice)) for choice, name in names.items()
    ]
    lines = [offered[at : at + 2] for at in range(0, len(offered), 2)]
    other = [
        button(_("📅 Another time…"), TypeSnooze(contact_id=number)),
        button(_("◀️ Back"), KeepContact(contact_id=number)),
    ]
    return {"inline_keyboard": [*lines, other]}


def close_anyway_buttons(contact: CardData, _: Translator) -> dict[str, Any]:
    """The question before a contact is closed that nobody took."""
    number, version = contact.id, contact.version
    close = button(_("✔️ Close it"), CloseUntaken(contact_id=number, version=version))
    keep = button(_("◀️ No"), KeepContact(contact_id=number))
    return {"inline_keyboard": [[close, keep]]}


def button(text: str, pressed: CallbackData | str, *, style: str | None = None) -> dict[str, str]:
    """A button under a message, as Telegram expects it.

    Args:
        style: `success` or `danger`, for green or red.
    """
    made = {"text": text, "callback_data": pressed if isinstance(pressed, str) else pressed.pack()}
    return made if style is None else {**made, "style": style}
