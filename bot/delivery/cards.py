"""The card: a contact as its operator sees it, made anew from the newest state each time it is sent."""

import unicodedata
from datetime import datetime
from typing import Any

from aiogram.types import InlineKeyboardButton, InlineKeyboardMarkup, MessageEntity
from aiogram.utils.formatting import Bold, Italic, Text, as_list

from bot.callbacks import CloseContact, TakeContact
from bot.texts import Translator
from bot.texts.phrases import age, kind_name
from crm_core.briefing import ContactBrief
from crm_core.messages import CARD_TEXT_LIMIT, fits_units, utf16_units

TURNING = frozenset({"R", "AL", "LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"})  # directions of writing


def card(
    contact: ContactBrief, *, chat_id: int, _: Translator, now: datetime
) -> tuple[Text, InlineKeyboardMarkup | None]:
    """The text and buttons of a card.

    Args:
        chat_id: whose card it is. Only the present holder sees the words and buttons; for anybody else the card says
            where the contact went (reliability list, S19 and S30).
    """
    if contact.operator_chat != chat_id:
        return _elsewhere(contact, _), None
    lines: list[Text] = [_title(contact), _lead(contact, _)]
    if contact.status != "new":
        lines += _reachable_at(contact, _)
    lines += _history(contact, _)
    lines += [Text(), _words(contact, _), Text(), _state(contact, _, now)]
    return as_list(*lines), _buttons(contact, _)


def _title(contact: ContactBrief) -> Text:
    return Text(Bold(f"#{contact.id}"), " · ", contact.source)


def _lead(contact: ContactBrief, _: Translator) -> Text:
    # Until he has taken it, an operator sees no phone or e-mail, in place of a name neither.
    taken = (contact.email or contact.phone) if contact.status != "new" else None
    name = _one_line(contact.lead_name or "") or taken or _("No name")
    return Text("👤 ", name, f" @{contact.lead_username}" if contact.lead_username else "")


def _one_line(name: str) -> str:
    """A name as it is, but unable to pass for further lines of the card or to turn its neighbours round."""
    line = " ".join(name.split())
    return f"\u2068{line}\u2069" if any(unicodedata.bidirectional(sign) in TURNING for sign in line) else line


def _reachable_at(contact: ContactBrief, _: Translator) -> list[Text]:
    lines = []
    if contact.phone:
        lines.append(Text("📞 ", contact.phone))
    if contact.email:
        lines.append(Text("✉️ ", contact.email))
    if contact.email_hint:
        lines.append(Text("⚠️ ", _("Named {email}, which another client has").format(email=contact.email_hint)))
    return lines


def _history(contact: ContactBrief, _: Translator) -> list[Text]:
    if not contact.earlier:
        return []
    earlier = _.plural("{n} earlier contact", "{n} earlier contacts", contact.earlier).format(n=contact.earlier)
    if contact.last_operator:
        earlier += _(", the last with {operator}").format(operator=contact.last_operator)
    return [Text("🕘 ", earlier)]


def _words(contact: ContactBrief, _: Translator) -> Text:
    if contact.first_kind is None:
        return Italic(_("No message"))
    if contact.first_kind != "text":
        return Italic(f"[{kind_name(contact.first_kind, _)}]")
    text, entities = contact.first_text or "", [MessageEntity(**one) for one in contact.first_entities or ()]
    if utf16_units(text) <= CARD_TEXT_LIMIT:
        return Text.from_entities(text, entities)
    return Text(fits_units(text, CARD_TEXT_LIMIT), "… ", Italic(_("in full below")))


def _state(contact: ContactBrief, _: Translator, now: datetime) -> Text:
    since = age(now - contact.created_at, _)
    match contact.status:
        case "new":
            return Text("🆕 ", _("New · {age}").format(age=since))
        case "in_progress":
            return Text("🟢 ", _("In progress · {age}").format(age=since))
        case _closed:
            return Text("✔️ ", _("Closed"))


def _elsewhere(contact: ContactBrief, _: Translator) -> Text:
    if contact.status == "closed":
        where = _("Closed")
    elif contact.operator:
        where = _("Now with {operator}").format(operator=contact.operator)
    else:
        where = _("Back in the queue")
    return Text(_title(contact), "\n↪️ ", where)


def _buttons(contact: ContactBrief, _: Translator) -> InlineKeyboardMarkup | None:
    carries: dict[str, Any] = {"contact_id": contact.id, "version": contact.version}
    take = InlineKeyboardButton(text=_("✋ Take"), callback_data=TakeContact(**carries).pack())
    close = InlineKeyboardButton(text=_("✔️ Close"), callback_data=CloseContact(**carries).pack())
    match contact.status:
        case "new":
            return InlineKeyboardMarkup(inline_keyboard=[[take, close]])
        case "in_progress":
            return InlineKeyboardMarkup(inline_keyboard=[[close]])
        case _closed:
            return None
