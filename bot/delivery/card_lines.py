"""The lines of a card: who writes, what was said, and how it stands."""

from collections.abc import Sequence
from typing import Any

from bot.delivery.origins import marked
from bot.delivery.styled_text import Clock, Styled, joined, styled, timed
from bot.screens.contact_label import client_name, one_line
from bot.screens.message import shorten
from bot.texts import Translator
from bot.texts.phrases import kind_name, lasted
from crm_core.conversation.history import Said
from crm_core.conversation.looks import Needed
from crm_core.delivery.claimed_rows import CardData
from crm_core.messaging.messages import card_text_limit, fits_units, utf16_units
from crm_core.names import shows_something
from crm_core.routing.skills import required_by

FOLDED_LONGEST = 40  # characters of the first words on the card of a closed request


SKILLS_LONGEST = 100  # characters
NOTE_LONGEST = 200  # characters of a note; they are up to two units each, and the card must stay below 4096
BRIEF_LONGEST = 300  # characters of the first message on a card that was shown again
SAID_LONGEST = 100  # characters of each of the last messages there


def title(contact: CardData, _: Translator) -> Styled:
    """Its number and its client."""
    # Until they have taken it, operators see no phone or e-mail, not even in place of a name.
    taken = (contact.email or contact.phone) if contact.status != "new" else None
    name = client_name(contact.lead_name, _, username=contact.lead_username, instead=taken)
    star = "⭐ " if contact.is_vip else ""
    return joined([styled("bold", f"#{contact.id}"), Styled(f" {star}{name}")])


def folded(contact: CardData, _: Translator, clock: Clock) -> Styled:
    """A closed request in one line."""
    name = client_name(contact.lead_name, _, instead=contact.email or contact.phone)
    parts = [f" {name}", one_line(_first_words(contact, _))]
    if contact.closed_at is not None:
        ended = _("closed {time} ({duration})")
        duration = lasted(contact.closed_at - contact.created_at, _)
        parts.append(ended.format(time=clock.at(contact.closed_at), duration=duration))
    line = joined([Styled("✔️ "), styled("bold", f"#{contact.id}"), Styled(" · ".join(filter(None, parts)))])
    if not contact.has_late:
        return line
    return joined([line, Styled("↩️ " + _("The client has written again."))], "\n")


def _first_words(contact: CardData, _: Translator) -> str:
    if contact.first_kind is None:
        return ""
    if contact.first_kind == "text":
        return shorten(contact.first_text, FOLDED_LONGEST)
    return shorten(f"[{kind_name(contact.first_kind, _)}] {contact.first_text or ''}", FOLDED_LONGEST)


def reachable_at(contact: CardData, _: Translator) -> list[str]:
    """How the client can be reached, where not in this chat alone."""
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


def history(contact: CardData, clock: Clock) -> list[str]:
    """Who had it before, and what the client asked earlier."""
    _ = clock.translator
    before = []
    if contact.previous_operator:
        before.append("👥 " + _("{operator} had it before you").format(operator=contact.previous_operator))
    if not contact.earlier:
        return before
    earlier = _.plural("{n} earlier request", "{n} earlier requests", contact.earlier).format(n=contact.earlier)
    return [*before, f"🕘 {earlier}{_last_request(contact, clock)}"]


def _last_request(contact: CardData, clock: Clock) -> str:
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


def skills(contact: CardData) -> list[str]:
    """What it requires of operators."""
    required = required_by(contact.source_skills, contact.own_skills)
    return [f"🎓 {shorten(', '.join(sorted(required)), SKILLS_LONGEST)}"] if required else []


def news(contact: CardData, latest: Sequence[Said], needed: Needed | None, clock: Clock) -> list[Styled]:
    """The last messages; those of the client that are new since the operator's last look are counted and marked."""
    _ = clock.translator
    lines, looked_at = list[Styled](), None
    if needed is not None and needed.looked_at is not None and needed.new:
        looked_at = needed.looked_at
        count = _.plural("{n} new message", "{n} new messages", needed.new).format(n=needed.new)
        lines.append(styled("bold", _("🔔 {messages} since {time}").format(messages=count, time=clock.at(looked_at))))
    for one in latest:
        is_new = looked_at is not None and one.operator is None and one.at > looked_at
        said = _said(one, contact, clock)
        lines.append(joined([Styled("🔹 "), said]) if is_new else said)
    return [Styled(""), *lines] if lines else []


def whose_turn(needed: Needed, clock: Clock) -> list[str]:
    """For whom it waits and for how long, as of now: no card is redrawn with every message."""
    _ = clock.translator
    if needed.waits_since is not None:
        text, since = _("⏳ As of {now}: waits for your answer since {since} ({time})"), needed.waits_since
    elif needed.answered_at is not None:
        text, since = _("💬 As of {now}: waits for the client since {since} ({time})"), needed.answered_at
    else:
        return []
    return [text.format(now=clock.at(clock.now), since=clock.at(since), time=lasted(clock.now - since, _))]


def _said(one: Said, contact: CardData, clock: Clock) -> Styled:
    """One of the last messages: when, who, and what."""
    _ = clock.translator
    who = one_line(shorten(one.operator, 24)) if one.operator else client_name(contact.lead_name, _, longest=24)
    words = marked(one, one_line(shorten(one.text, SAID_LONGEST)), _)
    return joined([Styled(f"{clock.at(one.at)} "), styled("bold", who), Styled(f": {words}")])


def first_message(contact: CardData, _: Translator, *, is_brief: bool = False) -> Styled:
    """The client's first message, as far as a card shows it: what is not text follows a new card, with its words."""
    if contact.first_kind is None:
        return styled("italic", _("No message"))
    text, kind = contact.first_text or "", styled("italic", f"[{kind_name(contact.first_kind, _)}]")
    if not shows_something(text) or (contact.first_kind != "text" and not is_brief):
        return kind
    brief = Styled(fits_units(text, BRIEF_LONGEST) + "…" if utf16_units(text) > BRIEF_LONGEST else text)
    if contact.first_kind != "text":
        return joined([kind, brief], " ")
    if is_brief and brief.text != text:
        return brief
    limit = card_text_limit(contact.first_forwarded_from is not None or contact.first_about is not None)
    if utf16_units(text) <= limit:
        return _with_addresses(text, contact.first_entities or ())
    return joined([Styled(fits_units(text, limit) + "… "), styled("italic", _("in full below"))])


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


def state(contact: CardData, _: Translator, clock: Clock) -> Styled:
    """How it stands, and since or until when."""
    if contact.offered_at is not None:
        return _offered(contact, _, clock)
    if contact.wakes_at is not None:
        return timed("😴 " + _("Snoozed until {when}, or until the client writes"), contact.wakes_at, clock, form="wdt")
    if contact.status == "new":
        return Styled("🆕 " + _("New since {time}").format(time=clock.at(contact.created_at)))
    return Styled("🟢 " + _("In progress since {time}").format(time=clock.at(contact.taken_at or contact.created_at)))


def _offered(contact: CardData, _: Translator, clock: Clock) -> Styled:
    """Until when to answer, as a clock that Telegram keeps running; the time itself where it cannot."""
    if contact.offer_ends_at is None:
        return Styled("⏳ " + _("Offered to you; nobody else can take it now"))
    text = "⏳ " + _("Offered to you; goes to somebody else {when}")
    return timed(text, contact.offer_ends_at, clock, form="r", plain=_("at {time}"))


def where_now(contact: CardData, _: Translator) -> Styled:
    """All that a dead card says: who has the contact now."""
    if contact.status == "closed":
        where = _("Closed")
    elif contact.operator:
        where = _("Now with {operator}").format(operator=contact.operator)
    else:
        where = _("Back in the queue")
    return joined([styled("bold", f"#{contact.id}"), Styled(f" · {contact.source}\n↪️ {where}")])
