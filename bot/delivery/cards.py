"""The card: a contact as its operator sees it, rendered from the newest state each time it is sent."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from bot.delivery.card_buttons import close_anyway_buttons, main_buttons, more_buttons, reason_buttons, snooze_buttons
from bot.delivery.card_lines import (
    NOTE_LONGEST,
    first_message,
    folded,
    history,
    news,
    reachable_at,
    skills,
    state,
    title,
    where_now,
    whose_turn,
)
from bot.delivery.origins import origin_lines
from bot.delivery.styled_text import Clock, Styled, fitting, joined, styled
from bot.screens.contact_label import client_name, one_line
from bot.screens.message import shorten
from bot.texts import Translator
from crm_core.contacts.decline_reasons import DeclineReason
from crm_core.conversation.history import Said
from crm_core.conversation.looks import Needed
from crm_core.delivery.claimed_rows import CardData


@dataclass(frozen=True, slots=True)
class Card:
    """What a card says, and its buttons, as Telegram expects them."""

    text: str
    entities: Sequence[dict[str, Any]]
    keyboard: dict[str, Any] | None


def card(
    contact: CardData,
    *,
    chat_id: int,
    _: Translator,
    now: datetime,
    zone: ZoneInfo,
    is_of_other_bot: bool = False,
    asks_to_close: bool = False,
    reasons: Sequence[DeclineReason] | None = None,
    shows_more: bool = False,
    asks_until_when: bool = False,
    latest: Sequence[Said] | None = None,
    needed: Needed | None = None,
) -> Card:
    """The text and buttons of a card.

    Args:
        chat_id: whose card it is. Only the present holder sees the message and buttons; for everybody else the card
            says where the contact is now.
        zone: by whose clocks times are shown.
        is_of_other_bot: whether another bot than this card's serves the contact now, since it was moved.
        asks_to_close: whether Close was pressed, and nobody has taken the contact: then the card asks whether to.
        reasons: what to choose from, where Decline was pressed: then the card of an offer asks why.
        shows_more: whether [⋯] was pressed: then the buttons are what else can be done.
        asks_until_when: whether Snooze was pressed: then the card asks until when.
        latest, needed: the last messages of both sides, and what is needed now, for a card that was shown again: it is
            short, and has them.
    """
    if contact.operator_chat != chat_id or is_of_other_bot:
        return Card(*where_now(contact, _), None)
    clock = Clock(now, zone, _)
    if contact.status == "closed":
        return Card(*folded(contact, _, clock), main_buttons(contact, _))
    lines = [title(contact, _), Styled(f"📥 {contact.source}")]
    lines += map(Styled, reachable_at(contact, _))
    besides = [*map(Styled, skills(contact)), *map(Styled, history(contact, clock))]
    lines += reversed(besides)
    if contact.note:
        words = one_line(shorten(contact.note, NOTE_LONGEST))
        name = one_line(shorten(contact.note_by or "", 24))  # of some names nothing is left
        who = [styled("bold", name), Styled(": ")] if name else []
        lines.append(joined([Styled("📝 "), *who, Styled(words)]))
        besides.append(lines[-1])
    origin = origin_lines(contact.first_forwarded_from, contact.first_about, _)
    lines += [Styled(""), *map(Styled, origin), first_message(contact, _, is_brief=latest is not None)]
    lines += news(contact, latest or (), needed, clock)
    lines += [Styled(""), state(contact, _, clock)]
    if needed is not None and contact.status == "in_progress" and contact.wakes_at is None:
        lines += map(Styled, whose_turn(needed, clock))
    if reasons is not None and contact.offered_at is not None:
        lines.append(styled("bold", _("Why do you decline it?")))
        return Card(*fitting(lines, besides), reason_buttons(contact, reasons, _))
    if asks_to_close and contact.status == "new":
        lines.append(styled("bold", _("Nobody has taken this yet. Close it anyway?")))
        return Card(*fitting(lines, besides), close_anyway_buttons(contact, _))
    if asks_until_when and contact.offered_at is None and contact.wakes_at is None:
        lines.append(styled("bold", _("Until when should it be snoozed?")))
        return Card(*fitting(lines, besides), snooze_buttons(contact, clock))
    if not shows_more:
        return Card(*fitting(lines, besides), main_buttons(contact, _))
    if contact.offered_at is None and contact.wakes_at is None:
        hint = _("To give it back with a note for whoever gets it next: /return #{id} …")
        lines += [Styled(""), Styled(hint.format(id=contact.id))]
    return Card(*fitting(lines, besides), more_buttons(contact, _))


def below(contact: CardData, _: Translator) -> Card:
    """What an earlier card says when a newer one was shown."""
    where = Styled(f" {client_name(contact.lead_name, _)} · ⤵️ " + _("below"))
    return Card(*joined([styled("bold", f"#{contact.id}"), where]), None)
