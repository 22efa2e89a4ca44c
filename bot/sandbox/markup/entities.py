"""Text with entities: lengths in UTF-16 units, parse modes, limits, and what Telegram finds in plain text by itself.

Rules: https://core.telegram.org/bots/api#formatting-options and #messageentity.
"""

import re
from typing import Any

from bot.sandbox.errors import bad_request
from bot.sandbox.markup.html import parse_html
from bot.sandbox.markup.markdown import parse_markdown, parse_markdown_v2

Entity = dict[str, Any]

MAX_TEXT = 4096
MAX_CAPTION = 1024
MAX_ENTITIES = 100

# Found by the server in any text, unless it is code already. The order is the order of precedence.
_FOUND = (
    ("url", re.compile(r"(?<![\w@])https?://[^\s<>\"]*[^\s<>\".,;:!?)']")),
    ("email", re.compile(r"(?<![\w.@])[\w.+-]+@[\w-]+\.[A-Za-z]{2,}")),
    ("bot_command", re.compile(r"(?<![\w/@<>])/[A-Za-z0-9_]{1,64}(?:@\w{3,32})?(?!\w)")),
    ("mention", re.compile(r"(?<![\w@])@[A-Za-z]\w{3,31}(?!\w)")),
    ("hashtag", re.compile(r"(?<![\w#])#(?!\d+\b)\w{1,256}")),
    ("phone_number", re.compile(r"(?<![\w+])\+\d[\d ()-]{8,18}\d(?!\w)")),
)
_HINTS = ("/", "@", "#", "+")
_OPAQUE = ("code", "pre", "text_link", "text_mention")


def utf16_length(text: str) -> int:
    """Length as Telegram counts it: UTF-16 code units."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def format_text(text: str, parse_mode: str | None, entities: list[Entity] | None) -> tuple[str, list[Entity]]:
    """The text that people see, and its entities, trimmed as the server trims.

    Raises ApiError: 400 "can't parse entities", "unsupported parse_mode".
    """
    if parse_mode and not entities:
        text, found = _parse(text, parse_mode)
    else:
        found = [_checked(entity) for entity in entities] if entities else []
    if text != text.strip():
        text, found = _trimmed(text, found)
    if found:
        found = _normal(text, found)
    if any(hint in text for hint in _HINTS):
        found = _with_found(text, found)
    return text, found[:MAX_ENTITIES]


def _parse(text: str, parse_mode: str) -> tuple[str, list[Entity]]:
    match parse_mode.lower():
        case "html":
            return parse_html(text)
        case "markdownv2":
            return parse_markdown_v2(text)
        case "markdown":
            return parse_markdown(text)
        case _:
            raise bad_request("unsupported parse_mode")


def _checked(entity: Entity) -> Entity:
    if not isinstance(entity, dict) or not isinstance(entity.get("type"), str):
        raise bad_request("can't parse MessageEntity: Object expected")
    offset, length = entity.get("offset"), entity.get("length")
    if not isinstance(offset, int) or not isinstance(length, int):
        raise bad_request("can't parse MessageEntity: Field must be of type Number")
    return {name: value for name, value in entity.items() if value is not None}


def _trimmed(text: str, entities: list[Entity]) -> tuple[str, list[Entity]]:
    body = text.strip()
    cut = utf16_length(text[: len(text) - len(text.lstrip())])
    return body, [{**entity, "offset": entity["offset"] - cut} for entity in entities]


def _normal(text: str, entities: list[Entity]) -> list[Entity]:
    """Inside the text, not empty, in order: what lies outside is cut off without an error."""
    end = utf16_length(text)
    result = []
    for entity in entities:
        start = max(entity["offset"], 0)
        stop = min(entity["offset"] + entity["length"], end)
        if start < stop:
            result.append({**entity, "offset": start, "length": stop - start})
    result.sort(key=lambda entity: (entity["offset"], -entity["length"]))
    return result


def _with_found(text: str, entities: list[Entity]) -> list[Entity]:
    taken = [
        (entity["offset"], entity["offset"] + entity["length"]) for entity in entities if entity["type"] in _OPAQUE
    ]
    result = list(entities)
    for kind, pattern in _FOUND:
        for match in pattern.finditer(text):
            start = utf16_length(text[: match.start()])
            stop = start + utf16_length(match[0])
            if all(stop <= left or right <= start for left, right in taken):
                taken.append((start, stop))
                result.append({"type": kind, "offset": start, "length": stop - start})
    if len(result) > len(entities):
        result.sort(key=lambda entity: (entity["offset"], -entity["length"]))
    return result
