"""MarkdownV2 and legacy Markdown of the Bot API into text and entities.

https://core.telegram.org/bots/api#markdownv2-style and #markdown-style.
"""

import re
from typing import Any, NamedTuple

from bot.sandbox.errors import ApiError, bad_request
from bot.sandbox.markup.html import link_entity

Entity = dict[str, Any]

RESERVED = frozenset("_*[]()~`>#+-=|{}.!")
# The longest mark first: "__" is underline even where "_" would be italic.
MARKS = (
    ("```", "pre"),
    ("||", "spoiler"),
    ("__", "underline"),
    ("*", "bold"),
    ("_", "italic"),
    ("~", "strikethrough"),
    ("`", "code"),
)
_CODE = ("pre", "code")


class _Open(NamedTuple):
    mark: str
    kind: str
    offset: int
    byte: int
    position: int


class _MarkdownV2:
    def __init__(self, source: str) -> None:
        self.source = source
        self.text: list[str] = []
        self.length = 0
        self.at = 0
        self.stack: list[_Open] = []
        self.entities: list[Entity | None] = []
        self.quote: tuple[int, int] | None = None  # where an open block quotation began, and its place in `entities`

    def write(self, text: str) -> None:
        self.text.append(text)
        self.length += len(text.encode("utf-16-le", "surrogatepass")) // 2

    def byte(self) -> int:
        return len(self.source[: self.at].encode("utf-8", "surrogatepass"))

    def run(self) -> tuple[str, list[Entity]]:
        while self.at < len(self.source):
            self.step()
        self.end_quote(expandable=False)
        if self.stack:
            opened = self.stack[-1]
            raise _cannot_parse(f"Can't find end of {_title(opened.kind)} entity at byte offset {opened.byte}")
        return "".join(self.text), [entity for entity in self.entities if entity is not None]

    def step(self) -> None:
        character = self.source[self.at]
        inside_code = bool(self.stack) and self.stack[-1].kind in _CODE
        following = self.source[self.at + 1 : self.at + 2]
        if character == "\\" and following and 0 < ord(following) <= 126:
            self.write(following)
            self.at += 2
        elif character == "\r":
            self.at += 1  # an empty separator between "_" and "__"
        elif inside_code and not (character == "`" and self.source.startswith(self.stack[-1].mark, self.at)):
            self.write(character)
            self.at += 1
        elif character == ">" and self.line_begins() and not self.stack:
            self.begin_quote()
        elif character == "\n":
            self.line_ends()
        elif character in "[!":
            self.link_begins(character)
        elif character == "]" and self.stack and self.stack[-1].kind == "text_link":
            self.link_ends()
        else:
            self.mark_or_text(character)

    def mark_or_text(self, character: str) -> None:
        if self.quote is not None and self.source.startswith("||", self.at) and self.quote_tail():
            self.at += 2
            self.end_quote(expandable=True)
            return
        for mark, kind in MARKS:
            if self.source.startswith(mark, self.at):
                self.toggle(mark, kind)
                return
        if character in RESERVED:
            raise _cannot_parse(f"Character '{character}' is reserved and must be escaped with the preceding '\\'")
        self.write(character)
        self.at += 1

    def toggle(self, mark: str, kind: str) -> None:
        opened = self.stack[-1] if self.stack else None
        if opened is not None and opened.mark == mark:
            self.stack.pop()
            self.at += len(mark)
            if self.length > opened.offset:
                self.entities[opened.position] = self.entity(opened)
            return
        if opened is not None and any(other.mark == mark for other in self.stack):
            raise _cannot_parse(f"Can't find end of {_title(opened.kind)} entity at byte offset {opened.byte}")
        self.stack.append(_Open(mark, kind, self.length, self.byte(), len(self.entities)))
        self.entities.append(None)
        self.at += len(mark)
        if kind == "pre":
            self.language()

    def language(self) -> None:
        found = re.compile(r"([^\s`]*)\n").match(self.source, self.at)
        if found is not None:
            self.at = found.end()
            if found[1]:
                self.entities[self.stack[-1].position] = {"language": found[1]}

    def entity(self, opened: _Open) -> Entity:
        kept = self.entities[opened.position] or {}
        length = self.length - opened.offset
        if opened.kind == "pre" and self.text and "".join(self.text[-1:]).endswith("\n"):
            # The line break before the closing mark belongs to the mark.
            self.text[-1] = self.text[-1][:-1]
            self.length -= 1
            length -= 1
        return {"type": opened.kind, "offset": opened.offset, "length": length, **kept}

    def line_begins(self) -> bool:
        return self.at == 0 or self.source[self.at - 1] == "\n"

    def begin_quote(self) -> None:
        if self.quote is None:
            self.quote = (self.length, len(self.entities))
            self.entities.append(None)
        self.at += 1

    def line_ends(self) -> None:
        if self.quote is not None and not self.source.startswith(">", self.at + 1):
            self.end_quote(expandable=False)
        self.write("\n")
        self.at += 1

    def quote_tail(self) -> bool:
        """Whether "||" here closes an expandable quotation: at the end of its last line, outside a spoiler."""
        after = self.source[self.at + 2 : self.at + 4]
        ends = after == "" or (after.startswith("\n") and not after.startswith("\n>"))
        return ends and not any(opened.kind == "spoiler" for opened in self.stack)

    def end_quote(self, *, expandable: bool) -> None:
        if self.quote is None:
            return
        offset, position = self.quote
        self.quote = None
        if self.length > offset:
            kind = "expandable_blockquote" if expandable else "blockquote"
            self.entities[position] = {"type": kind, "offset": offset, "length": self.length - offset}

    def link_begins(self, character: str) -> None:
        if character == "!" and self.source[self.at + 1 : self.at + 2] != "[":
            raise _cannot_parse("Character '!' is reserved and must be escaped with the preceding '\\'")
        self.stack.append(
            _Open("![" if character == "!" else "[", "text_link", self.length, self.byte(), len(self.entities))
        )
        self.entities.append(None)
        self.at += len(self.stack[-1].mark)

    def link_ends(self) -> None:
        opened = self.stack.pop()
        found = re.compile(r"\]\(((?:\\.|[^)\\])*)\)").match(self.source, self.at)
        if found is None:
            if opened.mark == "![" or self.source.startswith("](", self.at):
                raise _cannot_parse(f"Can't find end of a URL at byte offset {self.byte()}")
            url = "".join(self.text)[-(self.length - opened.offset) :]
            self.at += 1
        else:
            url = re.sub(r"\\(.)", r"\1", found[1])
            self.at = found.end()
        length = self.length - opened.offset
        if length:
            entity: Entity = {"type": "text_link", "offset": opened.offset, "length": length}
            self.entities[opened.position] = (
                _special_link(entity, url) if opened.mark == "![" else link_entity(entity, url)
            )


def _special_link(entity: Entity, url: str) -> Entity:
    emoji = re.fullmatch(r"tg://emoji\?id=(\d+)", url) or re.fullmatch(r"tg://emoji\?emoji_id=(\d+)", url)
    if emoji is not None:
        return {**entity, "type": "custom_emoji", "custom_emoji_id": emoji[1]}
    moment = re.fullmatch(r"tg://time\?unix=(\d+)(?:&format=(\w*))?", url)
    if moment is not None:
        result = {**entity, "type": "date_time", "unix_time": int(moment[1])}
        return {**result, "date_time_format": moment[2]} if moment[2] else result
    raise _cannot_parse("Custom emoji URL must have an emoji identifier")


def _title(kind: str) -> str:
    return {"text_link": "TextUrl", "pre": "PreCode"}.get(kind, kind.title())


def _cannot_parse(reason: str) -> ApiError:
    return bad_request(f"can't parse entities: {reason}")


def parse_markdown_v2(source: str) -> tuple[str, list[Entity]]:
    """Text and entities of `source` in MarkdownV2.

    Raises ApiError: 400 "can't parse entities: …".
    """
    return _MarkdownV2(source).run()


_LEGACY = re.compile(r"\\([_*`\[])|\[([^\]]*)\]\(([^)]*)\)|```(?:(\w+)\n)?(.*?)```|([*_`])(.*?)\6|([*_`\[])", re.DOTALL)


def parse_markdown(source: str) -> tuple[str, list[Entity]]:
    """Text and entities of `source` in the legacy Markdown: no nesting, escapes outside of entities only.

    Raises ApiError: 400 "can't parse entities: …".
    """
    text = ""
    entities: list[Entity] = []
    position = 0

    def add(body: str, kind: str, url: str = "", language: str | None = None) -> None:
        nonlocal text
        entity: Entity = {"type": kind, "offset": _units(text), "length": _units(body)}
        text += body
        made = link_entity(entity, url) if kind == "text_link" else entity
        if body and made is not None:
            entities.append({**made, "language": language} if language else made)

    for found in _LEGACY.finditer(source):
        text += source[position : found.start()]
        position = found.end()
        escaped, label, url, language, block, mark, body, _lonely = found.groups()
        if escaped is not None:
            text += escaped
        elif label is not None:
            add(label, "text_link", url)
        elif block is not None:
            add(block, "pre", language=language)
        elif mark is not None:
            add(body, {"*": "bold", "_": "italic", "`": "code"}[mark])
        else:
            offset = len(source[: found.start()].encode())
            raise _cannot_parse(f"Can't find end of the entity starting at byte offset {offset}")
    return text + source[position:], entities


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
