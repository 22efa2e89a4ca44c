"""An overview as a request to Telegram: a new message, or an edit of the one that is there. Pure."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from bot.delivery.copies import NothingToSend
from bot.screens.overview import overview_screen
from bot.texts import Translator
from crm_core.conversation.overview_pages import Is
from crm_core.delivery.claimed_rows import ClaimedRow
from crm_core.messaging import outbox


def overview_payload(row: ClaimedRow, _: Translator, *, now: datetime, zone: ZoneInfo) -> dict[str, Any]:
    """What an overview shows, as `bot.screens.message.OutgoingMessage` has it. Raises NothingToSend."""
    shown = row.overview
    if shown is None:
        raise NothingToSend(row.kind)
    is_asked_for = row.kind == outbox.MY or bool(shown.lines)
    if "message_id" not in row.payload and not (shown.state is Is.KEPT and is_asked_for):
        raise NothingToSend(row.kind)
    return overview_screen(shown, _, now=now, zone=zone).payload
