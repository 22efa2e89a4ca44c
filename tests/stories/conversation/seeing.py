"""What somebody sees of a request, a line for each message: kind, words, formatting, quote, and what it hangs on.

`photo(new): the receipt {bold} [👍]`. Copies hang on the card at operators, and on nothing at clients: only what
differs is said, `↳nothing`, or `↳“Which colour?” ❝colour❞`.
"""

from collections.abc import Collection, Mapping
from typing import Any

from bot.sandbox import Sandbox, SeenMessage
from bot.sandbox.world.content import FILES

TALK = "what was said before"  # in the title of what a colleague reads who takes over


def line(
    seen: SeenMessage,
    chat: Mapping[int, SeenMessage],
    sandbox: Sandbox,
    *,
    cards: Collection[int] = (),
    is_own: bool = False,
) -> str:
    """One message as its reader sees it.

    Args:
        chat: the messages of the chat by their ids.
        cards: ids of the cards in it; empty in the chat of a client.
        is_own: whether the reader wrote it.
    """
    words = f"{_kind(seen, sandbox)}: {_words(seen)}".removesuffix(": ")
    styles = ", ".join(sorted({one["type"] for one in seen.entities}))
    reactions = " ".join(sorted(filter(None, seen.reactions)))
    parts = [
        "" if is_own else _hangs(seen, chat, cards),
        f"❝{seen.raw['quote']['text']}❞" if "quote" in seen.raw else "",
        words,
        f"{{{styles}}}" if styles else "",
        f"[{reactions}]" if reactions else "",
    ]
    return " ".join(filter(None, parts))


def _hangs(seen: SeenMessage, chat: Mapping[int, SeenMessage], cards: Collection[int]) -> str:
    if seen.reply_to is None:
        return "↳nothing" if cards else ""
    if seen.reply_to in cards:
        return ""
    target = chat.get(seen.reply_to)
    if target is None:
        return "↳deleted"
    return "↳talk" if TALK in target.text else f"↳“{shortened(target.text or target.kind)}”"


def shortened(text: str) -> str:
    """Long words, shorter: their beginning and how many signs there are."""
    return text if len(text) <= 200 else f"{text[:10]}… ({len(text)})"


def _kind(seen: SeenMessage, sandbox: Sandbox) -> str:
    if seen.kind not in FILES:
        return seen.kind
    file: Any = seen.raw[seen.kind]
    file = file[-1] if isinstance(file, list) else file
    stored = sandbox.world.files.behind(file["file_id"])
    data = "?" if stored is None else stored.data.decode(errors="replace")
    return seen.kind if data == seen.kind else f"{seen.kind}({data})"


def _words(seen: SeenMessage) -> str:
    raw = seen.raw
    match seen.kind:
        case "venue":
            return str(raw["venue"]["title"])
        case "location":
            where = raw["location"]
            return f"{where['latitude']}, {where['longitude']}" + (", live" if where.get("live_period") else "")
        case "contact":
            return f"{raw['contact']['phone_number']} {raw['contact']['first_name']}"
        case "dice":
            return f"{raw['dice']['emoji']} {raw['dice']['value']}"
        case "poll":
            return str(raw["poll"]["question"])
    return shortened(seen.text)
