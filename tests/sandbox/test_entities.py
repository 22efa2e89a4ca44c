"""Parse modes against aiogram's own decorations, and Telegram's complaints."""

import pytest
from aiogram.types import MessageEntity
from aiogram.utils.text_decorations import html_decoration, markdown_decoration
from hypothesis import given
from hypothesis import strategies as st

from bot.sandbox.errors import ApiError
from bot.sandbox.markup.entities import format_text, utf16_length

# No signs that the server finds entities by itself in, nor such as MarkdownV2 gives a meaning at the start of a line.
LETTERS = st.text(st.sampled_from("abcdeя🙂<>&\"'*_~|`[](){}.!=-\\"), min_size=1, max_size=8)
HTML_KINDS = ["bold", "italic", "underline", "strikethrough", "spoiler", "code", "blockquote", "expandable_blockquote"]
MARKDOWN_KINDS = ["bold", "italic", "underline", "strikethrough", "spoiler"]


@st.composite
def formatted(draw: st.DrawFn, kinds: list[str]) -> tuple[str, list[MessageEntity]]:
    """A text of some pieces; a piece is plain, or one kind, or one kind within another."""
    text, entities = "", []
    for piece in draw(st.lists(LETTERS, min_size=1, max_size=5)):
        nested = draw(st.lists(st.sampled_from(kinds), max_size=2, unique=True))
        if "code" in nested:
            nested = ["code"]
        if {"blockquote", "expandable_blockquote"} <= set(nested):
            nested = nested[:1]
        for kind in nested:
            entities.append(MessageEntity(type=kind, offset=utf16_length(text), length=utf16_length(piece)))
        text += piece
    return text, entities


def shown(entities: list[MessageEntity]) -> list[tuple[int, int, str]]:
    return sorted((entity.offset, entity.length, entity.type) for entity in entities)


@given(formatted(HTML_KINDS))
def test_html_round_trip_preserves_text_and_entities(message: tuple[str, list[MessageEntity]]) -> None:
    text, entities = message
    parsed, found = format_text(html_decoration.unparse(text, entities), "HTML", None)
    assert parsed == text
    assert shown([MessageEntity(**entity) for entity in found]) == shown(entities)


@given(formatted(MARKDOWN_KINDS))
def test_markdown_round_trip_preserves_text_and_entities(message: tuple[str, list[MessageEntity]]) -> None:
    text, entities = message
    parsed, found = format_text(markdown_decoration.unparse(text, entities), "MarkdownV2", None)
    assert parsed == text
    assert shown([MessageEntity(**entity) for entity in found]) == shown(entities)


def kinds(text: str, mode: str | None = "HTML") -> list[tuple[str, str]]:
    parsed, entities = format_text(text, mode, None)
    return [(entity["type"], MessageEntity(**entity).extract_from(parsed)) for entity in entities]


def test_html_entity_types_are_parsed() -> None:
    assert kinds('<a href="https://a.example/?x=1&amp;y=2">link</a>') == [("text_link", "link")]
    assert kinds('<a href="tg://user?id=7">Ann</a>') == [("text_mention", "Ann")]
    assert kinds('<pre><code class="language-python">x</code></pre>') == [("pre", "x")]
    assert kinds('<tg-emoji emoji-id="5368324170671202286">👍</tg-emoji>') == [("custom_emoji", "👍")]
    assert kinds('<span class="tg-spoiler">x</span><blockquote expandable>y</blockquote>') == [
        ("spoiler", "x"),
        ("expandable_blockquote", "y"),
    ]
    assert format_text("&lt;&#128578;&unknown;", "HTML", None)[0] == "<🙂&unknown;"


def test_markdown_entity_types_are_parsed() -> None:
    assert kinds("[link](https://a.example/\\))", "MarkdownV2") == [("text_link", "link")]
    assert kinds("```python\nx = 1\n```", "MarkdownV2") == [("pre", "x = 1")]
    assert kinds("`a*b`", "MarkdownV2") == [("code", "a*b")]
    assert kinds("![👍](tg://emoji?id=5368324170671202286)", "MarkdownV2") == [("custom_emoji", "👍")]
    assert kinds(">a\n>b\nc", "MarkdownV2") == [("blockquote", "a\nb")]
    assert kinds(">a\n>b||", "MarkdownV2") == [("expandable_blockquote", "a\nb")]
    assert kinds("*bold _both_*", "MarkdownV2") == [("bold", "bold both"), ("italic", "both")]
    assert kinds("*bold* [link](http://a.example)", "Markdown") == [("bold", "bold"), ("text_link", "link")]


def test_entities_without_markup_are_detected() -> None:
    assert kinds("/start #15 @shop_bot https://a.example/x, +79990000001 a@b.example", None) == [
        ("bot_command", "/start"),
        ("mention", "@shop_bot"),
        ("url", "https://a.example/x"),
        ("phone_number", "+79990000001"),
        ("email", "a@b.example"),
    ]
    assert kinds("<code>/start</code> #tag") == [("code", "/start"), ("hashtag", "#tag")]


def test_texts_and_entities_are_trimmed() -> None:
    assert format_text("  <b> a</b> ", "HTML", None) == ("a", [{"type": "bold", "offset": 0, "length": 1}])
    assert format_text("ab", None, [{"type": "bold", "offset": 1, "length": 9}])[1][0]["length"] == 1


@pytest.mark.parametrize(
    ("source", "mode", "words"),
    [
        ("<b>x", "HTML", 'Can\'t find end tag corresponding to start tag "b"'),
        ("я<i>x</b>", "HTML", 'Unmatched end tag at byte offset 6, expected "</i>", found "</b>"'),
        ("</b>", "HTML", "Unexpected end tag at byte offset 0"),
        ("<h1>x</h1>", "HTML", 'Unsupported start tag "h1" at byte offset 0'),
        ("2 < 3", "HTML", 'Unsupported start tag "" at byte offset 2'),
        ("*x", "MarkdownV2", "Can't find end of Bold entity at byte offset 0"),
        ("x.", "MarkdownV2", "Character '.' is reserved and must be escaped with the preceding '\\'"),
        ("_x", "Markdown", "Can't find end of the entity starting at byte offset 0"),
    ],
)
def test_malformed_markup_is_refused_with_telegrams_description(source: str, mode: str, words: str) -> None:
    with pytest.raises(ApiError) as caught:
        format_text(source, mode, None)
    assert caught.value.description == f"Bad Request: can't parse entities: {words}"


def test_unknown_parse_mode_is_refused() -> None:
    with pytest.raises(ApiError, match="unsupported parse_mode"):
        format_text("x", "BBCode", None)
