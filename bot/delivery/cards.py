"""The card: a contact as its operator sees it, rendered from the newest state each time it is sent."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from aiogram.filters.callback_data import CallbackData

from bot.delivery.origins import marked, origin_lines
from bot.screens.buttons import (
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
from bot.screens.contact_label import client_name, one_line
from bot.screens.message import shorten
from bot.telegram.limits import MESSAGE_LONGEST
from bot.texts import Translator
from bot.texts.declining import decline_reason
from bot.texts.phrases import clock_time, kind_name, lasted
from crm_core.contacts.decline_reasons import DeclineReason
from crm_core.conversation.history import Said
from crm_core.conversation.looks import Needed
from crm_core.delivery.claims import CardData
from crm_core.hours.moments import EVENING, Choice
from crm_core.messaging.messages import card_text_limit, fits_units, utf16_units
from crm_core.names import shows_something
from crm_core.routing.skills import required_by

FOLDED_LONGEST = 40  # characters of the first words on the card of a closed request


class Styled(NamedTuple):
    """A piece of text and its formatting as Telegram expects it: offsets and lengths in UTF-16 units."""

    text: str
    entities: Sequence[dict[str, Any]] = ()


def _styled(style: str, text: str) -> Styled:
    return Styled(text, [{"type": style, "offset": 0, "length": utf16_units(text)}])


def _joined(pieces: Iterable[Styled], between: str = "") -> Styled:
    """Joins pieces; aiogram's formatting nodes take seven times as long, for every card."""
    text, entities = "", []
    for place, piece in enumerate(pieces):
        if place:
            text += between
        if piece.entities:
            before = utf16_units(text)
            entities += [{**one, "offset": one["offset"] + before} for one in piece.entities]
        text += piece.text
    return Styled(text, entities)


def _fitting(lines: Sequence[Styled], besides: Sequence[Styled]) -> Styled:
    """A card of these lines that Telegram takes: where all is as long as it can be, without some.

    Args:
        besides: lines that it can do without, the least needed first.
    """
    text = _joined(lines, "\n")
    for one in besides:
        if utf16_units(text.text) <= MESSAGE_LONGEST:
            break
        lines = [line for line in lines if line is not one]
        text = _joined(lines, "\n")
    return text


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
        return Card(*_where_now(contact, _), None)
    clock = _Clock(now, zone, _)
    if contact.status == "closed":
        return Card(*_folded(contact, _, clock), _buttons(contact, _))
    lines = [_title(contact, _), Styled(f"📥 {contact.source}")]
    lines += map(Styled, _reachable_at(contact, _))
    besides = [*map(Styled, _skills(contact)), *map(Styled, _history(contact, clock))]
    lines += reversed(besides)
    if contact.note:
        words = one_line(shorten(contact.note, NOTE_LONGEST))
        name = one_line(shorten(contact.note_by or "", 24))  # of some names nothing is left
        who = [_styled("bold", name), Styled(": ")] if name else []
        lines.append(_joined([Styled("📝 "), *who, Styled(words)]))
        besides.append(lines[-1])
    origin = origin_lines(contact.first_forwarded_from, contact.first_about, _)
    lines += [Styled(""), *map(Styled, origin), _message(contact, _, is_brief=latest is not None)]
    lines += _news(contact, latest or (), needed, clock)
    lines += [Styled(""), _state(contact, _, clock)]
    if needed is not None and contact.status == "in_progress" and contact.wakes_at is None:
        lines += map(Styled, _whose_turn(needed, clock))
    if reasons is not None and contact.offered_at is not None:
        lines.append(_styled("bold", _("Why do you decline it?")))
        return Card(*_fitting(lines, besides), _reasons(contact, reasons, _))
    if asks_to_close and contact.status == "new":
        lines.append(_styled("bold", _("Nobody has taken this yet. Close it anyway?")))
        return Card(*_fitting(lines, besides), _close_anyway(contact, _))
    if asks_until_when and contact.offered_at is None and contact.wakes_at is None:
        lines.append(_styled("bold", _("Until when should it be snoozed?")))
        return Card(*_fitting(lines, besides), _until_when(contact, clock))
    if not shows_more:
        return Card(*_fitting(lines, besides), _buttons(contact, _))
    if contact.offered_at is None and contact.wakes_at is None:
        hint = _("To give it back with a note for whoever gets it next: /return #{id} …")
        lines += [Styled(""), Styled(hint.format(id=contact.id))]
    return Card(*_fitting(lines, besides), _more(contact, _))


@dataclass(frozen=True, slots=True)
class _Clock:
    """Shows moments by the clocks of a zone."""

    now: datetime
    zone: ZoneInfo
    translator: Translator

    def at(self, moment: datetime) -> str:
        return clock_time(moment, zone=self.zone, now=self.now, _=self.translator)


def _title(contact: CardData, _: Translator) -> Styled:
    # Until they have taken it, operators see no phone or e-mail, not even in place of a name.
    taken = (contact.email or contact.phone) if contact.status != "new" else None
    name = client_name(contact.lead_name, _, username=contact.lead_username, instead=taken)
    star = "⭐ " if contact.is_vip else ""
    return _joined([_styled("bold", f"#{contact.id}"), Styled(f" {star}{name}")])


def _folded(contact: CardData, _: Translator, clock: _Clock) -> Styled:
    """A closed request in one line."""
    name = client_name(contact.lead_name, _, instead=contact.email or contact.phone)
    parts = [f" {name}", one_line(_first_words(contact, _))]
    if contact.closed_at is not None:
        ended = _("closed {time} ({duration})")
        duration = lasted(contact.closed_at - contact.created_at, _)
        parts.append(ended.format(time=clock.at(contact.closed_at), duration=duration))
    line = _joined([Styled("✔️ "), _styled("bold", f"#{contact.id}"), Styled(" · ".join(filter(None, parts)))])
    if not contact.has_late:
        return line
    return _joined([line, Styled("↩️ " + _("The client has written again."))], "\n")


def _first_words(contact: CardData, _: Translator) -> str:
    if contact.first_kind is None:
        return ""
    if contact.first_kind == "text":
        return shorten(contact.first_text, FOLDED_LONGEST)
    return shorten(f"[{kind_name(contact.first_kind, _)}] {contact.first_text or ''}", FOLDED_LONGEST)


def _reachable_at(contact: CardData, _: Translator) -> list[str]:
    lines: list[str] = []
    if not contact.has_chat:
        is_reachable = contact.phone or contact.email
        lines.append(
            "🌐 " + (_("No chat: call or e-mail") if is_reachable else _("No chat: answer where the request came from"))
        )
    if contact.status == "new":
        return lines  # until they have taken it, operators see no phone or e-mail
    if contact.phone:
        lines.append(f"📞 {one_line(contact.phone)}")
    if contact.email:
        lines.append(f"✉️ {one_line(contact.email)}")
    if contact.email_hint:
        lines.append(
            "⚠️ "
            + _("Gave the e-mail {email}, which another client already has").format(email=one_line(contact.email_hint))
        )
    return lines


def _history(contact: CardData, clock: "_Clock") -> list[str]:
    _ = clock.translator
    before = []
    if contact.previous_operator:
        before.append("👥 " + _("{operator} had it before you").format(operator=contact.previous_operator))
    if not contact.earlier:
        return before
    earlier = _.plural("{n} earlier request", "{n} earlier requests", contact.earlier).format(n=contact.earlier)
    return [*before, f"🕘 {earlier}{_last_request(contact, clock)}"]


def _last_request(contact: CardData, clock: "_Clock") -> str:
    """The client's request before this one, with what became of it."""
    _ = clock.translator
    if contact.last_id is None:
        return ""
    about = {"id": contact.last_id, "operator": contact.last_operator}
    if contact.last_closed_at is None:
        open_ = (
            _("; last: #{id}, still open, with {operator}") if contact.last_operator else _("; last: #{id}, still open")
        )
        return open_.format(**about)
    about["time"] = clock.at(contact.last_closed_at)
    closed = (
        _("; last: #{id}, closed {time}, with {operator}")
        if contact.last_operator
        else _("; last: #{id}, closed {time}")
    )
    return closed.format(**about)


def _skills(contact: CardData) -> list[str]:
    """What it requires of operators."""
    required = required_by(contact.source_skills, contact.own_skills)
    return [f"🎓 {shorten(', '.join(sorted(required)), SKILLS_LONGEST)}"] if required else []


SKILLS_LONGEST = 100  # characters
NOTE_LONGEST = 200  # characters of a note; they are up to two units each, and the card must stay below 4096
BRIEF_LONGEST = 300  # characters of the first message on a card that was shown again
SAID_LONGEST = 100  # characters of each of the last messages there


def _news(contact: CardData, latest: Sequence[Said], needed: Needed | None, clock: "_Clock") -> list[Styled]:
    """The last messages; those of the client that are new since the operator's last look are counted and marked."""
    _ = clock.translator
    lines, looked_at = list[Styled](), None
    if needed is not None and needed.looked_at is not None and needed.new:
        looked_at = needed.looked_at
        count = _.plural("{n} new message", "{n} new messages", needed.new).format(n=needed.new)
        lines.append(_styled("bold", _("🔔 {messages} since {time}").format(messages=count, time=clock.at(looked_at))))
    for one in latest:
        is_new = looked_at is not None and one.operator is None and one.at > looked_at
        said = _said(one, contact, clock)
        lines.append(_joined([Styled("🔹 "), said]) if is_new else said)
    return [Styled(""), *lines] if lines else []


def _whose_turn(needed: Needed, clock: "_Clock") -> list[str]:
    """For whom it waits and for how long, as of now: no card is redrawn with every message."""
    _ = clock.translator
    if needed.waits_since is not None:
        text, since = _("⏳ As of {now}: waits for your answer since {since} ({time})"), needed.waits_since
    elif needed.answered_at is not None:
        text, since = _("💬 As of {now}: waits for the client since {since} ({time})"), needed.answered_at
    else:
        return []
    return [text.format(now=clock.at(clock.now), since=clock.at(since), time=lasted(clock.now - since, _))]


def _said(one: Said, contact: CardData, clock: "_Clock") -> Styled:
    """One of the last messages: when, who, and what."""
    _ = clock.translator
    who = one_line(shorten(one.operator, 24)) if one.operator else client_name(contact.lead_name, _, longest=24)
    words = marked(one, one_line(shorten(one.text, SAID_LONGEST)), _)
    return _joined([Styled(f"{clock.at(one.at)} "), _styled("bold", who), Styled(f": {words}")])


def below(contact: CardData, _: Translator) -> Card:
    """What an earlier card says when a newer one was shown."""
    where = Styled(f" {client_name(contact.lead_name, _)} · ⤵️ " + _("below"))
    return Card(*_joined([_styled("bold", f"#{contact.id}"), where]), None)


def _message(contact: CardData, _: Translator, *, is_brief: bool = False) -> Styled:
    if contact.first_kind is None:
        return _styled("italic", _("No message"))
    if contact.first_kind != "text":
        return _styled("italic", f"[{kind_name(contact.first_kind, _)}]")
    text = contact.first_text or ""
    if not shows_something(text):
        return _styled("italic", f"[{kind_name(contact.first_kind, _)}]")
    limit = card_text_limit(contact.first_forwarded_from is not None or contact.first_about is not None)
    if is_brief and utf16_units(text) > BRIEF_LONGEST:
        return Styled(fits_units(text, BRIEF_LONGEST) + "…")
    if utf16_units(text) <= limit:
        return _with_addresses(text, contact.first_entities or ())
    return _joined([Styled(fits_units(text, limit) + "… "), _styled("italic", _("in full below"))])


ADDRESSES_SHOWN, ADDRESS_LONGEST = 3, 100  # of hidden links; with a text of full length the card stays below 4096


def _with_addresses(text: str, entities: Sequence[dict[str, Any]]) -> Styled:
    """A client's text as they formatted it, but no link of theirs hides where it leads: addresses stand below."""
    hidden = [one for one in entities if one.get("type") == "text_link"]
    if not hidden:
        return Styled(text, entities)
    urls = list(dict.fromkeys(one_line(shorten(str(one.get("url", "")), ADDRESS_LONGEST)) for one in hidden))
    lines = [f"🔗 {url}" for url in urls[:ADDRESSES_SHOWN]]
    if len(urls) > ADDRESSES_SHOWN:
        lines.append("🔗 …")
    return Styled("\n".join([text, *lines]), [one for one in entities if one not in hidden])


def _state(contact: CardData, _: Translator, clock: _Clock) -> Styled:
    if contact.offered_at is not None:
        return _offered(contact, _, clock)
    if contact.wakes_at is not None:
        return _timed(
            "😴 " + _("Snoozed until {when}, or until the client writes"), contact.wakes_at, clock, form="wdt"
        )
    if contact.status == "new":
        return Styled("🆕 " + _("New since {time}").format(time=clock.at(contact.created_at)))
    return Styled("🟢 " + _("In progress since {time}").format(time=clock.at(contact.taken_at or contact.created_at)))


def _offered(contact: CardData, _: Translator, clock: _Clock) -> Styled:
    """Until when to answer, as a clock that Telegram keeps running; the time itself where it cannot."""
    if contact.offer_ends_at is None:
        return Styled("⏳ " + _("Offered to you; nobody else can take it now"))
    text = "⏳ " + _("Offered to you; goes to somebody else {when}")
    return _timed(text, contact.offer_ends_at, clock, form="r", plain=_("at {time}"))


def _timed(text: str, at: datetime, clock: _Clock, *, form: str, plain: str = "{time}") -> Styled:
    """A text with a moment in it, by the reader's own clock; where Telegram cannot show that, by ours.

    Args:
        form: how Telegram shows it (`date_time_format`).
        plain: what stands there otherwise.
    """
    when = plain.format(time=clock.at(at))
    before, after = text.format(when="\0").split("\0")
    moment = {
        "type": "date_time",
        "offset": utf16_units(before),
        "length": utf16_units(when),
        "unix_time": int(at.timestamp()),
        "date_time_format": form,
    }
    return Styled(before + when + after, [moment])


def _where_now(contact: CardData, _: Translator) -> Styled:
    if contact.status == "closed":
        where = _("Closed")
    elif contact.operator:
        where = _("Now with {operator}").format(operator=contact.operator)
    else:
        where = _("Back in the queue")
    return _joined([_styled("bold", f"#{contact.id}"), Styled(f" · {contact.source}\n↪️ {where}")])


def _buttons(contact: CardData, _: Translator) -> dict[str, Any] | None:
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


def _reasons(contact: CardData, reasons: Sequence[DeclineReason], _: Translator) -> dict[str, Any]:
    number, version = contact.id, contact.version
    lines = [
        [button(decline_reason(one, _), DeclineBecause(contact_id=number, version=version, reason=one.code))]
        for one in reasons
    ]
    return {"inline_keyboard": [*lines, [button(_("◀️ Back"), KeepContact(contact_id=number))]]}


def _more(contact: CardData, _: Translator) -> dict[str, Any]:
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


def _until_when(contact: CardData, clock: _Clock) -> dict[str, Any]:
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


def _close_anyway(contact: CardData, _: Translator) -> dict[str, Any]:
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
