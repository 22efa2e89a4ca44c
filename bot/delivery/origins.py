"""What is to be known of a message besides its words: whose they are, what they reply to elsewhere, what else it is."""

from typing import Any

from bot.screens.contact_label import contact_label, one_line
from bot.screens.message import shorten
from bot.texts import Translator
from bot.texts.phrases import kind_name
from crm_core.conversation.history import Said

NAME_LONGEST = 30  # characters of the name of an operator or a client
ORIGIN_LONGEST, QUOTED_LONGEST = 80, 200  # characters of a name, and of quoted words, above a message


def origin_lines(
    forwarded_from: str | None, about: dict[str, Any] | None, _: Translator, *, with_quote: bool = True
) -> list[str]:
    """What is to be known of a message before it is read: whose words they are, and what it replies to elsewhere.

    Args:
        with_quote: whether the quoted words are shown; where the copy itself quotes them they are not.
    """
    lines = []
    if forwarded_from is not None:
        name = one_line(shorten(forwarded_from, ORIGIN_LONGEST))
        lines.append("↪️ " + (_("Forwarded from {name}").format(name=name) if name else _("Forwarded, author unknown")))
    about = about or {}
    if about.get("elsewhere"):
        author = one_line(shorten(str(about.get("from", "")), ORIGIN_LONGEST))
        what = [
            kind_name(str(about.get("kind", "text")), _),
            author,
            shorten(str(about.get("link", "")), ORIGIN_LONGEST),
        ]
        lines.append("💬 " + _("In reply to: {what}").format(what=" · ".join(filter(None, what))))
    if with_quote and "quote" in about:
        lines.append(f"❝ {one_line(shorten(str(about['quote'].get('text', '')), QUOTED_LONGEST))} ❞")
    return lines


def from_operator(name: str, words: str, _: Translator) -> str:
    """What an operator wrote to the client, as a colleague reads it."""
    text = _("{operator} → client: {text}")
    return text.format(operator=one_line(shorten(name, NAME_LONGEST)), text=words).rstrip()


def album_line(p: dict[str, Any], _: Translator) -> str:
    """What an operator must know of an album: who wrote it, whose words it has, and whose it is where that is unclear.

    Args:
        p: the payload of the notice (`crm_core.delivery.sent_messages`).
    """
    lines = [] if p["operator"] is None else [from_operator(p["operator"], "", _)]
    lines += origin_lines(p["forwarded_from"], p["about"], _, with_quote=p["with_quote"])
    if p["is_unclear"]:
        request = contact_label(p["contact"], p["client"], _)
        lines.append(_("☝️ The album is from {request}").format(request=request))
    return "\n".join(lines)


def marked(one: Said, words: str, _: Translator) -> str:
    """The words of a message in a line of a conversation, behind whatever else is to be known of it.

    Args:
        words: its text, perhaps shortened.
    """
    origin = " · ".join(origin_lines(one.forwarded_from, one.about, _))
    before = [
        _("(taken back)") if one.is_withdrawn else "",
        f"({origin})" if origin else "",
        f"[{kind_name(one.kind, _)}]" if one.kind != "text" else "",
    ]
    return " ".join(filter(None, [*before, words]))
