"""Notices to clients about their request: a text, and buttons if it has any, for each code of `CLIENT_NOTICES`.

A new one is an entry there, and a row `outbox.CLIENT_NOTICE` that an action adds; if it is about no contact, `language`
is in its payload. Its buttons need a `CallbackData` (`bot.screens.contact_buttons`) and a handler at
`bot.clients.presses`, whose action calls `access_client`. A notice is sent at most once: if the answer to it is lost,
it is not repeated.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bot.texts import Translator
from bot.texts.phrases import weekday_and_time
from crm_core.delivery.claimed_rows import CardData
from crm_core.messaging.messages import utf16_units


@dataclass(frozen=True, slots=True)
class Notice:
    """What a notice says, and the buttons under it.

    Attributes:
        entities: formatting of the text, as Telegram expects it.
        keyboard: an inline keyboard as Telegram expects it, None for none; presses arrive at `bot.clients.presses`.
    """

    text: str
    keyboard: dict[str, Any] | None = None
    entities: tuple[dict[str, Any], ...] = ()


ClientNotice = Callable[[CardData | None, dict[str, Any], Translator], Notice | None]


def client_notice(code: str, contact: CardData | None, payload: dict[str, Any], _: Translator) -> Notice | None:
    """The notice of a code.

    Args:
        contact: the newest state, so that a notice never says what is no longer true; None where it is about none.
        payload: of the outbox row.

    Returns None where there is nothing to say (any more), and for an unknown code, such as one of a later version.
    """
    notice = CLIENT_NOTICES.get(code)
    return None if notice is None else notice(contact, payload, _)


def _about_contact(notice: Callable[[CardData, Translator], Notice | None]) -> ClientNotice:
    return lambda contact, payload, _: None if contact is None else notice(contact, _)


def _registered(contact: CardData | None, payload: dict[str, Any], _: Translator) -> Notice | None:
    if contact is None:
        return None
    if "opens" in payload and not contact.operator:
        return _opens(contact, payload, _)
    if contact.offered_at is not None:
        text = _("Your request is #{id}. We'll answer you here.")
    elif contact.operator:
        text = _("Your request is #{id}. {operator} will answer you here.")
    elif payload.get("away"):
        text = _("Your request is #{id}. Nobody is available right now; we'll reply here as soon as we're back.")
    elif contact.queue_position == 1:
        text = _("Your request is #{id}. All our operators are busy right now; you are next in the queue.")
    else:
        text = _("Your request is #{id}. All our operators are busy right now; you are number {place} in the queue.")
    return Notice(text.format(id=contact.id, operator=contact.operator, place=contact.queue_position))


def _opens(contact: CardData, payload: dict[str, Any], _: Translator) -> Notice:
    """Somebody's shift begins later: a moment that Telegram shows by the client's own clock.

    What it shows instead on an old telephone is the moment by the clock of these working hours.
    """
    text = _("Your request is #{id}. Nobody is available right now; we'll be back and reply here: {when}")
    return _at_moment(text, payload, _, id=contact.id)


def _at_moment(text: str, payload: dict[str, Any], _: Translator, **values: Any) -> Notice:
    """A text with `{when}`, the moment that a payload names."""
    when = weekday_and_time(payload["opens"], payload["zone"], _)
    before, after = text.format(when="\0", **values).split("\0")
    moment = {
        "type": "date_time",
        "offset": utf16_units(before),
        "length": utf16_units(when),
        "unix_time": payload["opens"],
        "date_time_format": "wdt",
    }
    return Notice(before + when + after, entities=(moment,))


def _taken(contact: CardData, _: Translator) -> Notice | None:
    if contact.operator is None:
        return None  # it was returned to the queue meanwhile; whoever takes it next is announced
    text = _("{operator} is now taking care of your request #{id}.")
    return Notice(text.format(operator=contact.operator, id=contact.id))


def _handed_on(contact: CardData, _: Translator) -> Notice | None:
    if contact.operator is None or contact.status == "closed":
        return None
    return Notice(_("{operator} will answer you.").format(operator=contact.operator))


def _operator_away(contact: CardData | None, payload: dict[str, Any], _: Translator) -> Notice | None:
    """Their operator is away, and keeps the request or has just lost it."""
    if contact is None or contact.status == "closed":
        return None
    is_held, has_operator = payload["is_held"], contact.operator is not None and contact.offered_at is None
    if is_held is not has_operator:
        return None  # somebody has it by now, who was announced; or it was taken from who had it
    if "opens" in payload:
        text = (
            _("{operator} is away right now, and will be back and answer you here: {when}")
            if is_held
            else _("Nobody is available right now; we'll be back and answer you here: {when}")
        )
        return _at_moment(text, payload, _, operator=contact.operator)
    if is_held:
        text = _("{operator} is away right now, and will answer you here once they're back.")
        return Notice(text.format(operator=contact.operator))
    if payload.get("away"):
        return Notice(_("Nobody is available right now; we'll answer you here as soon as we're back."))
    return Notice(_("Your operator is away right now. Somebody else will answer you here as soon as they can."))


def _closed(contact: CardData, _: Translator) -> Notice:
    text = _("Request #{id} is closed. Thank you! If you have another question, just write here.")
    return Notice(text.format(id=contact.id))


def _slowed(_: Translator) -> Notice:
    return Notice(_("You are writing very fast. Nothing is lost: what you write now arrives a little later."))


CLIENT_NOTICES: dict[str, ClientNotice] = {
    "registered": _registered,
    "taken": _about_contact(_taken),
    "handed_on": _about_contact(_handed_on),
    "operator_away": _operator_away,
    "closed": _about_contact(_closed),
    "slowed": lambda contact, payload, _: _slowed(_),
}
