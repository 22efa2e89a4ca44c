"""What people of the soak send: every kind that the sandbox knows, each text with a mark that is never used twice."""

from random import Random
from typing import Any

from bot.sandbox.world import content
from bot.sandbox.world.content import Content

Json = dict[str, Any]
LONG = "and so on, at length, " * 160  # beyond what a card shows in full


def clients_content(mark: str, rng: Random) -> tuple[Content, bool]:
    """What a client sends next, and whether its sender forbids copying it."""
    roll = rng.random()
    if roll < 0.5:
        return content.text(f"{mark} {_chatter(rng)}"), rng.random() < 0.02
    if roll < 0.52:
        return content.text(f"{mark} {LONG}"), False
    if roll < 0.55:
        return content.text(f"{mark} <b>urgent</b> <i>&amp; important</i>", parse_mode="HTML"), False
    kinds = (*_with_caption(mark), *_without_words(), *_not_to_be_copied())
    return rng.choice(kinds), rng.random() < 0.02


def operators_content(mark: str, rng: Random) -> Content:
    """What an operator answers; Telegram lets bots copy all of it."""
    if rng.random() < 0.7:
        return content.text(f"{mark} {_chatter(rng)}")
    return rng.choice((*_with_caption(mark), *_without_words()))


def _with_caption(mark: str) -> tuple[Content, ...]:
    return (
        content.photo(caption=mark),
        content.video(caption=mark),
        content.voice(caption=mark),
        content.audio(caption=mark, title="A song"),
        content.document(caption=mark, name="invoice.pdf"),
        content.animation(caption=mark),
        content.album(content.photo(caption=mark), content.photo(), content.video()),
        content.album(content.document(name="a.pdf"), content.document(caption=mark, name="b.pdf")),
    )


def _without_words() -> tuple[Content, ...]:
    return (
        content.video_note(),
        content.sticker(),
        content.location(),
        content.venue(),
        content.contact("+79990001122", "Somebody", last_name="Else"),
        content.poll("Which one?", "this", "that"),
        content.quiz("Which one?", "this", "that", known=True),
        content.dice(),
    )


def _not_to_be_copied() -> tuple[Content, ...]:
    return (content.quiz("Which one?", "this", "that"), content.paid_media(), content.giveaway(), content.story())


def _chatter(rng: Random) -> str:
    return " ".join(rng.choice(("well", "so", "perhaps", "please", "today", "thanks", "ага", "👍")) for _ in range(6))
