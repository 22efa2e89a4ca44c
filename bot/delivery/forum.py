"""The steps of a topic in a team's forum as requests to Telegram (`crm_core.conversation.forums`). Pure."""

from collections.abc import Sequence
from typing import Any

from aiogram.methods import (
    CloseForumTopic,
    CreateForumTopic,
    DeleteMessage,
    EditForumTopic,
    EditMessageCaption,
    EditMessageMedia,
    EditMessageText,
    ReopenForumTopic,
    TelegramMethod,
)

from bot.delivery.copies import MEDIA, NO_PREVIEW, NO_PREVIEW_PLAIN, entities_of
from bot.delivery.origins import NAME_LONGEST as PERSON_LONGEST
from bot.delivery.origins import marked
from bot.delivery.topics import CLIENT_LONGEST, NAME_LONGEST
from bot.screens.contact_label import client_name, contact_label, one_line
from bot.screens.message import shorten
from bot.telegram.limits import CAPTION_LONGEST, MESSAGE_LONGEST
from bot.telegram.methods import CopyContent, SendAlbum, SendText
from bot.texts import Translator
from crm_core.conversation.forum_steps import Kind, Line, Shape, Step, state_of
from crm_core.delivery.claimed_rows import CardData, ClaimedRow
from crm_core.messaging.messages import fits_units, utf16_units

MARKS = {"new": "🆕", "in_progress": "🟢", "snoozed": "😴", "closed": "✔️"}
ELSEWHERE = "➡️"
LINE_LONGEST = 300  # UTF-16 units of a message's words where several share one message
INDENT = "\u2003"  # before further lines of somebody's words: what stands at the beginning of a line is a name of ours


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
        case Kind.ALBUM:
            media = [_media(line, contact, step.shape_at(number), _) for number, line in enumerate(step.lines)]
            return SendAlbum(**place, media=media, disable_notification=True)
        case Kind.EDIT:
            return _edit(row.chat_id, step, contact, _)
        case Kind.UNSAY:
            return DeleteMessage(chat_id=row.chat_id, message_id=step.posted_id or 0)


def topic_name(contact: CardData, _: Translator, *, is_here: bool) -> str:
    """What the topic of a contact is called: its state as a sign, its number, its client."""
    mark = MARKS[state_of(contact.status, is_asleep=contact.wakes_at is not None)] if is_here else ELSEWHERE
    label = contact_label(contact.id, contact.lead_name, _, longest=CLIENT_LONGEST)
    return fits_units(f"{mark} {label}", NAME_LONGEST)


def _words(step: Step, contact: CardData, _: Translator) -> str:
    """Who has the contact, how many messages are left out, and one line for each of the others."""
    above = step.above
    lines = [] if above.source is None else [_head(above.source, above.operator, _, is_here=step.is_here)]
    if above.skipped:
        n, id_ = above.skipped, contact.id
        text = _.plural("… {n} earlier message: /history #{id}", "… {n} earlier messages: /history #{id}", n)
        lines.append(text.format(n=n, id=id_))
    longest = MESSAGE_LONGEST if len(step.lines) == 1 else LINE_LONGEST
    said = [_line(one, contact, _, longest=longest) for one in step.lines]
    room = MESSAGE_LONGEST - utf16_units("\n".join([*lines, ""])) - (len(said) - 1)
    longest = _longest_each([utf16_units(one) for one in said], room)
    return "\n".join([*lines, *(_cut(one, longest) for one in said)])


def _longest_each(lengths: Sequence[int], room: int) -> int:
    """How long lines may be at most so that all have room together; short ones leave theirs to the others."""
    for left, length in zip(range(len(lengths), 0, -1), sorted(lengths), strict=True):
        if length * left > room:
            return room // left
        room -= length
    return MESSAGE_LONGEST


def _cut(text: str, longest: int) -> str:
    """A text of so many UTF-16 units at most; it says so if it goes on."""
    return text if utf16_units(text) <= longest else fits_units(text, longest - 1) + "…"


def _head(source: str, operator: str | None, _: Translator, *, is_here: bool) -> str:
    source = one_line(source)
    if not is_here:
        return _("➡️ The request is with {source} now, and is not shown here any more").format(source=source)
    if operator is None:
        return _("📥 {source}: nobody has it yet").format(source=source)
    return _("📥 {source}: {operator} has it").format(source=source, operator=_person(operator))


def _line(line: Line, contact: CardData, _: Translator, *, longest: int) -> str:
    text = "" if line.said.is_withdrawn else _cut(line.said.text or "", longest)
    text = f"\n{INDENT}".join(text.splitlines())  # or somebody could write what looks like a colleague's line
    return f"{_author(line, contact, _)}: {marked(line.said, text, _)}"


def _author(line: Line, contact: CardData, _: Translator) -> str:
    if line.said.operator is not None:
        return _person(line.said.operator)
    return client_name(contact.lead_name, _, longest=PERSON_LONGEST)


def _person(name: str) -> str:
    return one_line(shorten(name, PERSON_LONGEST))


def _copy(line: Line, contact: CardData, place: dict[str, Any], _: Translator) -> CopyContent:
    """A file, with whose it is above its words."""
    original: dict[str, Any] = {"from_chat_id": line.chat_id, "message_id": line.message_id}
    caption, entities = _caption(line, contact, Shape.COPY, _)
    return CopyContent(**place, **original, caption=caption, caption_entities=entities, disable_notification=True)


def _caption(line: Line, contact: CardData, shape: Shape, _: Translator) -> tuple[str, list[dict[str, Any]] | None]:
    """The words of a file beneath whose it is; a further part of an album has its own alone. And their formatting."""
    above = "" if shape is Shape.PART else f"{_author(line, contact, _)}:"
    begins = utf16_units(above) + 1 if above else 0
    said = line.said.text or ""
    text = _cut(said, CAPTION_LONGEST - begins)
    entities = [{**one, "offset": one.get("offset", 0) + begins} for one in line.entities or ()]
    return "\n".join(filter(None, (above, text))), (entities or None) if text == said else None


def _media(line: Line, contact: CardData, shape: Shape, _: Translator) -> dict[str, Any]:
    """A part of an album: sent from its file, since a copy of an album could not say whose it is."""
    caption, entities = _caption(line, contact, shape, _)
    return {
        "type": line.said.kind,
        "media": (line.media or {})["file"],
        **({"caption": caption} if caption else {}),
        **({"caption_entities": entities} if entities else {}),
    }


def _edit(chat_id: int, step: Step, contact: CardData, _: Translator) -> TelegramMethod[Any]:
    """What a message shows, as it is now: lines, or a file with its words, which may be another file."""
    target: dict[str, Any] = {"chat_id": chat_id, "message_id": step.posted_id}
    if step.shape is Shape.WORDS:
        return EditMessageText(**target, text=_words(step, contact, _), link_preview_options=NO_PREVIEW)
    line = step.lines[0]
    caption, found = _caption(line, contact, step.shape, _)
    entities = entities_of(found)
    file, make = (line.media or {}).get("file"), MEDIA.get(line.said.kind)
    if file and make is not None:
        return EditMessageMedia(**target, media=make(media=file, caption=caption or None, caption_entities=entities))
    return EditMessageCaption(**target, caption=caption or None, caption_entities=entities)
