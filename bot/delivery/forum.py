"""The steps of a topic in a team's forum as requests to Telegram (`crm_core.conversation.forums`). Pure."""

from typing import Any

from aiogram.methods import CloseForumTopic, CreateForumTopic, EditForumTopic, ReopenForumTopic, TelegramMethod

from bot.delivery.copies import CAPTION_LONGEST, NO_PREVIEW_PLAIN
from bot.delivery.origins import NAME_LONGEST as PERSON_LONGEST
from bot.delivery.origins import marked
from bot.delivery.topics import CLIENT_LONGEST, NAME_LONGEST
from bot.screens.contact_label import client_name, contact_label, one_line
from bot.screens.message import shorten
from bot.telegram.limits import MESSAGE_LONGEST
from bot.telegram.methods import CopyContent, SendText
from bot.texts import Translator
from crm_core.conversation.forum_steps import Kind, Line, Step, state_of
from crm_core.delivery.claims import CardData, ClaimedRow
from crm_core.messaging.messages import fits_units, utf16_units

MARKS = {"new": "🆕", "in_progress": "🟢", "snoozed": "😴", "closed": "✔️"}
ELSEWHERE = "➡️"
# Of a message in a line: the twelve that one message may hold have room for so much each (UTF-16 units).
LINE_LONGEST = 300


def forum_request(row: ClaimedRow, _: Translator) -> TelegramMethod[Any] | None:
    """The request of a row's step; None where its topic shows all."""
    step, contact = row.forum, row.contact
    if step is None or contact is None:
        return None
    if step.kind is Kind.OPEN:
        return CreateForumTopic(chat_id=row.chat_id, name=topic_name(contact, _, is_here=step.is_here))
    place: dict[str, Any] = {"chat_id": row.chat_id, "message_thread_id": step.after.topic_id}
    match step.kind:
        case Kind.RENAME:
            return EditForumTopic(**place, name=topic_name(contact, _, is_here=step.is_here))
        case Kind.REOPEN:
            return ReopenForumTopic(**place)
        case Kind.CLOSE:
            return CloseForumTopic(**place)
        case Kind.SAY:
            text = _words(step, contact, _)
            return SendText(**place, text=text, disable_notification=True, link_preview_options=NO_PREVIEW_PLAIN)
        case Kind.COPY:
            return _copy(step.lines[0], contact, place, _)


def topic_name(contact: CardData, _: Translator, *, is_here: bool) -> str:
    """What the topic of a contact is called: its state as a sign, its number, its client."""
    mark = MARKS[state_of(contact.status, is_asleep=contact.wakes_at is not None)] if is_here else ELSEWHERE
    label = contact_label(contact.id, contact.lead_name, _, longest=CLIENT_LONGEST)
    return fits_units(f"{mark} {label}", NAME_LONGEST)


def _words(step: Step, contact: CardData, _: Translator) -> str:
    """Who has the contact, how many messages are left out, and one line for each of the others."""
    lines = [_head(contact, _, is_here=step.is_here)] if step.with_head else []
    if step.skipped:
        text = _.plural("… {n} earlier message: /history #{id}", "… {n} earlier messages: /history #{id}", step.skipped)
        lines.append(text.format(n=step.skipped, id=contact.id))
    longest = MESSAGE_LONGEST if len(step.lines) == 1 else LINE_LONGEST
    lines += [_line(one, contact, _, longest=longest) for one in step.lines]
    return fits_units("\n".join(lines), MESSAGE_LONGEST)


def _head(contact: CardData, _: Translator, *, is_here: bool) -> str:
    source = one_line(contact.source)
    if not is_here:
        return _("➡️ The request has been moved to {source} and goes on there").format(source=source)
    if contact.operator is None:
        return _("📥 {source}: nobody has it yet").format(source=source)
    return _("📥 {source}: {operator} has it").format(source=source, operator=_person(contact.operator))


def _line(line: Line, contact: CardData, _: Translator, *, longest: int) -> str:
    text = line.said.text or ""
    if utf16_units(text) > longest:
        text = fits_units(text, longest) + "…"
    return f"{_author(line, contact, _)}: {marked(line.said, text, _)}"


def _author(line: Line, contact: CardData, _: Translator) -> str:
    if line.said.operator is not None:
        return _person(line.said.operator)
    return client_name(contact.lead_name, _, longest=PERSON_LONGEST)


def _person(name: str) -> str:
    return one_line(shorten(name, PERSON_LONGEST))


def _copy(line: Line, contact: CardData, place: dict[str, Any], _: Translator) -> CopyContent:
    """A file, with whose it is above its words."""
    above = f"{_author(line, contact, _)}:"
    begins = utf16_units(above) + 1
    text = fits_units(line.said.text or "", CAPTION_LONGEST - begins)
    entities = [{**one, "offset": one.get("offset", 0) + begins} for one in line.entities or ()]
    is_whole = text == (line.said.text or "")
    original: dict[str, Any] = {"from_chat_id": line.chat_id, "message_id": line.message_id}
    return CopyContent(
        **place,
        **original,
        caption=f"{above}\n{text}" if text else above,
        caption_entities=(entities or None) if is_whole else None,
        disable_notification=True,
    )
