"""HTML of the Bot API into text and entities (https://core.telegram.org/bots/api#html-style)."""

import re
from typing import Any, NamedTuple

from bot.sandbox.errors import ApiError, bad_request

Entity = dict[str, Any]

TAGS = {
    "b": "bold",
    "strong": "bold",
    "i": "italic",
    "em": "italic",
    "u": "underline",
    "ins": "underline",
    "s": "strikethrough",
    "strike": "strikethrough",
    "del": "strikethrough",
    "tg-spoiler": "spoiler",
    "code": "code",
    "pre": "pre",
    "blockquote": "blockquote",
    "a": "text_link",
    "span": "spoiler",
    "tg-emoji": "custom_emoji",
    "tg-time": "date_time",
}
_NAMED = {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}
_PIECE = re.compile(r"[<&]")
_REFERENCE = re.compile(r"&(?:#(\d{1,8})|#[xX]([0-9a-fA-F]{1,7})|(\w+));?")
_ATTRIBUTE = re.compile(r"""\s+([^\s=>/]+)(?:\s*=\s*("[^"]*"|'[^']*'|[^\s>"'/]+))?""")


class _Open(NamedTuple):
    tag: str
    offset: int  # UTF-16 units
    attributes: dict[str, str]
    position: int  # in `_Parser.entities`: the place kept for this entity, so that outer ones stay first


class _Parser:
    def __init__(self, source: str) -> None:
        self.source = source
        self.text: list[str] = []
        self.length = 0
        self.stack: list[_Open] = []
        self.entities: list[Entity | None] = []

    def write(self, text: str) -> None:
        self.text.append(text)
        self.length += len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2

    def byte(self, position: int) -> int:
        return len(self.source[:position].encode("utf-8", "surrogatepass"))

    def run(self) -> tuple[str, list[Entity]]:
        position = 0
        while (found := _PIECE.search(self.source, position)) is not None:
            start = found.start()
            self.write(self.source[position:start])
            position = self.reference(start) if found[0] == "&" else self.tag(start)
        self.write(self.source[position:])
        if self.stack:
            raise _cannot_parse(f'Can\'t find end tag corresponding to start tag "{self.stack[-1].tag}"')
        return "".join(self.text), [entity for entity in self.entities if entity is not None]

    def reference(self, start: int) -> int:
        found = _REFERENCE.match(self.source, start)
        character = decode_reference(found) if found is not None else None
        if found is None or character is None:
            self.write("&")
            return start + 1
        self.write(character)
        return found.end()

    def tag(self, start: int) -> int:
        end = self.source.find(">", start)
        name = re.compile(r"</?([^\s>]*)").match(self.source, start)
        assert name is not None
        if self.source.startswith("</", start):
            if end < 0:
                raise _cannot_parse(f"Unclosed end tag at byte offset {self.byte(start)}")
            self.close(self.source[start + 2 : end].strip().lower(), start)
            return end + 1
        tag = name[1].lower()
        if tag not in TAGS:
            raise _cannot_parse(f'Unsupported start tag "{tag}" at byte offset {self.byte(start)}')
        attributes, position = self.attributes(name.end())
        if position >= len(self.source) or self.source[position] != ">":
            raise _cannot_parse(f"Unclosed start tag at byte offset {self.byte(start)}")
        if tag == "span" and attributes.get("class") != "tg-spoiler":
            raise _cannot_parse(f'Tag "span" must have class "tg-spoiler" at byte offset {self.byte(start)}')
        self.stack.append(_Open(tag, self.length, attributes, len(self.entities)))
        self.entities.append(None)
        return position + 1

    def attributes(self, position: int) -> tuple[dict[str, str], int]:
        attributes: dict[str, str] = {}
        while (found := _ATTRIBUTE.match(self.source, position)) is not None:
            attributes[found[1].lower()] = decode_references((found[2] or "").strip("\"'"))
            position = found.end()
        while position < len(self.source) and self.source[position].isspace():
            position += 1
        return attributes, position

    def close(self, name: str, start: int) -> None:
        if not self.stack:
            raise _cannot_parse(f"Unexpected end tag at byte offset {self.byte(start)}")
        opened = self.stack.pop()
        if name and name != opened.tag:
            raise _cannot_parse(
                f'Unmatched end tag at byte offset {self.byte(start)}, expected "</{opened.tag}>", found "</{name}>"'
            )
        if self.length == opened.offset:
            return
        entity = self.entity(opened)
        if entity is not None:
            self.entities[opened.position] = entity

    def entity(self, opened: _Open) -> Entity | None:
        entity: Entity = {"type": TAGS[opened.tag], "offset": opened.offset, "length": self.length - opened.offset}
        attributes = opened.attributes
        match opened.tag:
            case "a":
                return self.link(entity, attributes)
            case "code" if self.stack and self.stack[-1].tag == "pre" and self.stack[-1].offset == opened.offset:
                # <pre><code class="language-x">: one block of code with a language. aiogram writes the name of the
                # attribute as "language" in its own decoration, which the server ignores as it does any other.
                language = attributes.get("class", "").removeprefix("language-")
                if language:
                    self.stack[-1].attributes["language"] = language
                return None
            case "pre" if "language" in attributes:
                entity["language"] = attributes["language"]
            case "blockquote" if "expandable" in attributes:
                entity["type"] = "expandable_blockquote"
            case "tg-emoji":
                entity["custom_emoji_id"] = attributes.get("emoji-id", "")
            case "tg-time":
                entity["unix_time"] = int(attributes.get("unix", "0") or 0)
                if "format" in attributes:
                    entity["date_time_format"] = attributes["format"]
        return entity

    def link(self, entity: Entity, attributes: dict[str, str]) -> Entity | None:
        url = attributes.get("href") or "".join(self.text)[-entity["length"] :]
        return link_entity(entity, url)


def link_entity(entity: Entity, url: str) -> Entity | None:
    """`entity` as a link to `url`, as a mention for tg://user, or nothing when it cannot be a link."""
    person = re.fullmatch(r"tg://user\?id=(\d+)", url)
    if person is not None:
        return {
            **entity,
            "type": "text_mention",
            "user": {"id": int(person[1]), "is_bot": False, "first_name": person[1]},
        }
    if not re.match(r"[a-zA-Z][\w+.-]*:|[\w.-]+\.\w{2,}", url):
        return None
    if "://" not in url and not url.startswith(("mailto:", "tel:")):
        url = f"http://{url}"
    if re.fullmatch(r"https?://[^/?#]+", url):
        url += "/"
    return {**entity, "url": url}


def decode_reference(found: re.Match[str]) -> str | None:
    """The character of &lt; &gt; &amp; &quot; and numeric references; others stay as they are."""
    decimal, hexadecimal, name = found.groups()
    if name is not None:
        return _NAMED.get(name)
    code = int(decimal) if decimal is not None else int(hexadecimal, 16)
    return chr(code) if 0 < code < 0x110000 and not 0xD800 <= code < 0xE000 else None


def decode_references(text: str) -> str:
    """`text` with its references replaced."""
    return _REFERENCE.sub(lambda found: decode_reference(found) or found[0], text)


def _cannot_parse(reason: str) -> ApiError:
    return bad_request(f"can't parse entities: {reason}")


def parse_html(source: str) -> tuple[str, list[Entity]]:
    """Text and entities of `source`.

    Raises ApiError: 400 "can't parse entities: …" with the position in bytes, as Telegram says it.
    """
    if "<" not in source and "&" not in source:
        return source, []
    return _Parser(source).run()
