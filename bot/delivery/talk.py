"""What both sides said before a request came to its operator: a quote that opens at a touch."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from bot.delivery.origins import NAME_LONGEST, from_operator, marked
from bot.screens.contact_label import client_name
from bot.telegram.limits import MESSAGE_LONGEST
from bot.texts import Translator
from bot.texts.phrases import clock_time
from crm_core.conversation.history import Said
from crm_core.delivery.claimed_rows import ClaimedRow
from crm_core.messaging.messages import TALK_TEXT, fits_units, utf16_units


def talk(row: ClaimedRow, *, _: Translator, now: datetime, zone: ZoneInfo) -> tuple[str, list[dict[str, Any]]]:
    """The text and its entities."""
    title = _("📜 #{id}: what was said before").format(id=row.contact_id)
    client = client_name(row.contact.lead_name if row.contact else None, _, longest=NAME_LONGEST)
    lines = [f"{clock_time(one.at, zone=zone, now=now, _=_)} {_said(one, client, _)}" for one in row.talk]
    begins = utf16_units(title) + 1
    quote = fits_units("\n".join(lines), MESSAGE_LONGEST - begins)
    entities: list[dict[str, Any]] = [{"type": "bold", "offset": 0, "length": begins - 1}]
    if quote:
        entities.append({"type": "expandable_blockquote", "offset": begins, "length": utf16_units(quote)})
    return f"{title}\n{quote}", entities


def _said(one: Said, client: str, _: Translator) -> str:
    text = (one.text or "").strip()
    if utf16_units(text) > TALK_TEXT:
        text = fits_units(text, TALK_TEXT) + "… " + _("in full below")
    text = marked(one, text, _)
    if one.operator is None:
        return f"{client}: {text}"
    return from_operator(one.operator, text, _)
