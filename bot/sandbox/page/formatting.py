"""Text with entities as HTML, as the apps show it (https://core.telegram.org/bots/api#messageentity)."""

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from markupsafe import Markup, escape

from bot.sandbox.page.dates import Dates

Json = dict[str, Any]

_PLAIN = {"bold": "b", "italic": "i", "underline": "u", "strikethrough": "s", "code": "code"}
_PRESSED = frozenset({"spoiler", "text_link", "url", "email", "phone_number", "bot_command"})
_BLOCKS = frozenset({"pre", "blockquote", "expandable_blockquote"})
_START = re.compile(r"https?://t\.me/(\w+)\?start=([\w-]+)")


def as_html(text: str, entities: Sequence[Json] = (), *, dates: Dates) -> Markup:
    """Text and its entities, which may stand inside one another or overlap, as HTML.

    Args:
        entities: as the Bot API has them; offsets and lengths are UTF-16 code units.
        dates: words the moments in it.
    """
    units = text.encode("utf-16-le", "surrogatepass")
    spans = [(one["offset"], one["offset"] + one["length"], one) for one in entities]
    spans.sort(key=lambda span: (span[0], -span[1]))
    return _render(units, 0, len(units) // 2, spans, dates, can_press=True)


def _slice(units: bytes, start: int, end: int) -> str:
    return units[start * 2 : end * 2].decode("utf-16-le", "replace")


def _render(
    units: bytes, start: int, end: int, spans: list[tuple[int, int, Json]], dates: Dates, *, can_press: bool
) -> Markup:
    """One level: the outermost entities here, each around what lies inside it.

    Args:
        can_press: False inside something that is pressed, in which HTML allows nothing else to be.
    """
    parts: list[Markup] = []
    position = start
    waiting = list(spans)
    while waiting:
        first, last, entity = waiting.pop(0)
        first, last = max(first, position), min(last, end)
        if first >= last:
            continue
        inner = [one for one in waiting if one[0] < last]
        # What sticks out of this entity goes on after it, as a part of its own.
        waiting = [one for one in waiting if one[0] >= last] + [(last, to, one) for _, to, one in inner if to > last]
        waiting.sort(key=lambda span: (span[0], -span[1]))
        parts.append(escape(_slice(units, position, first)))
        is_pressed = entity["type"] in _PRESSED
        within = _render(units, first, last, inner, dates, can_press=can_press and not is_pressed)
        if is_pressed and not can_press:
            parts.append(Markup('<span class="{}">{}</span>').format(entity["type"], within))
        else:
            parts.append(_wrap(entity, _slice(units, first, last), within, dates))
        position = last
        if entity["type"] in _BLOCKS and position < end and _slice(units, position, position + 1) == "\n":
            position += 1  # a block ends its line anyway
    parts.append(escape(_slice(units, position, end)))
    return Markup("").join(parts)


def _wrap(entity: Json, text: str, inner: Markup, dates: Dates) -> Markup:
    kind = entity["type"]
    if kind in _PLAIN:
        return Markup("<{tag}>{inner}</{tag}>").format(tag=_PLAIN[kind], inner=inner)
    match kind:
        case "pre":
            language = entity.get("language", "")
            return Markup('<pre data-language="{}">{}</pre>').format(language, inner)
        case "spoiler":
            return Markup('<button type="button" class="spoiler" data-reveal>{}</button>').format(inner)
        case "blockquote":
            return Markup("<blockquote>{}</blockquote>").format(inner)
        case "expandable_blockquote":
            return Markup('<blockquote class="expandable" data-expand tabindex="0">{}</blockquote>').format(inner)
        case "text_link":
            return link(entity.get("url", ""), inner)
        case "url":
            return link(text if "://" in text else f"http://{text}", inner)
        case "email":
            return Markup('<a href="mailto:{}">{}</a>').format(text, inner)
        case "phone_number":
            return Markup('<a href="tel:{}">{}</a>').format(text, inner)
        case "bot_command":
            return Markup('<button type="button" class="link" data-say="{}">{}</button>').format(text, inner)
        case "mention" | "hashtag" | "cashtag" | "text_mention":
            return Markup('<span class="link">{}</span>').format(inner)
        case "custom_emoji":  # the text is the emoji to show where the picture is not there
            return Markup('<span class="custom-emoji">{}</span>').format(inner)
        case "date_time":
            words = dates.words(entity)
            shown = inner if words is None else escape(words)
            return Markup('<time class="date" datetime="{}">{}</time>').format(dates.at(entity).isoformat(), shown)
    return Markup('<span data-entity="{}">{}</span>').format(kind, inner)


def link(url: str, inner: Markup) -> Markup:
    """A link as Telegram treats it: one that starts a bot does so, any other opens in a window of its own."""
    started = _START.match(url)
    if started:
        return Markup('<button type="button" class="link" data-say="/start {}">{}</button>').format(started[2], inner)
    if urlsplit(url).scheme not in ("http", "https", "tg", "mailto", "tel"):
        return Markup('<span class="link">{}</span>').format(inner)
    return Markup('<a href="{}" target="_blank" rel="noreferrer noopener">{}</a>').format(url, inner)
