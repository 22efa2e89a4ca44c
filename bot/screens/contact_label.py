"""What a request is called wherever staff read of it: its number, then its client's name. Said here alone."""

import unicodedata

from bot.screens.message import shorten
from bot.texts import Translator
from bot.texts.phrases import kind_name
from crm_core.names import shows_something

# Bidirectional classes of characters that change the direction of the text around them.
TURNING = frozenset({"R", "AL", "LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"})
FIRST_RIGHT_TO_LEFT = "\u0590"  # below it no printable character has one of these classes


def one_line(name: str) -> str:
    """A name, phone or address without control characters.

    It can neither look like further lines of a message nor change the direction of the text around it.
    """
    if name.isprintable() and max(name, default="") < FIRST_RIGHT_TO_LEFT:  # nearly every name, at a fifth of the cost
        return " ".join(name.split())
    visible = "".join(" " if unicodedata.category(sign) == "Cc" else sign for sign in name)
    line = " ".join(visible.split())
    return f"\u2068{line}\u2069" if any(unicodedata.bidirectional(sign) in TURNING for sign in line) else line


def client_name(
    name: str | None, _: Translator, *, username: str | None = None, instead: str | None = None, longest: int = 0
) -> str:
    """A client's name and @username.

    Args:
        instead: what stands for somebody without a name; else they are called so.
        longest: characters of the name, 0 for all.
    """
    shown = one_line(shorten(name, longest) if longest else name or "") if name and shows_something(name) else ""
    shown = shown or one_line(instead or "") or _("No name")
    return f"{shown} @{username}" if username else shown


def contact_label(number: int, name: str | None, _: Translator, *, longest: int = 24) -> str:
    """A request in a list, a question or a button: `#41 Nina`."""
    return f"#{number} {client_name(name, _, longest=longest)}"


def said_words(kind: str | None, text: str | None, _: Translator, *, longest: int = 40) -> str:
    """The beginning of a message, or what it is where it has no text: `When are you open?`, `[photo]`."""
    if text and shows_something(text):
        return one_line(shorten(text, longest))
    return f"[{kind_name(kind, _)}]" if kind else ""
