"""The table of the matrix: what somebody says, what becomes of it, and what the other side sees in the end.

How to read a line: `seeing.py`. A line after `»` is what the bot tells the writer. Where nobody can do a thing, the
cell says why, by Telegram's rules.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bot.sandbox.world.content import (
    Content,
    album,
    animation,
    audio,
    checklist,
    contact,
    dice,
    document,
    game,
    giveaway,
    location,
    paid_media,
    photo,
    poll,
    quiz,
    sticker,
    story,
    text,
    venue,
    video,
    video_note,
    voice,
)
from tests.stories.conversation.acts import Act, deletes, edits, reacts, replies
from tests.stories.conversation.columns import Column, Direction, Moment


@dataclass(frozen=True)
class Never:
    """Nobody can do this: why, by Telegram's rules or by what the row is."""

    why: str


Lines = Sequence[str]
Where = Column | Direction | Moment


@dataclass(frozen=True)
class Row:
    """One kind of message, or of what becomes of it.

    Attributes:
        says: what the writer says; None where they only do something with what the other side said.
        sees: what the other side sees in the end.
        then: what happens to it.
        but: where something else is seen: in one cell, in one direction, or at one moment.
        first: what the other side had said before.
        opens: whether it is the client's first message, which opens the request and stands on its card.
        is_closed: whether the operator closes the request before anything happens to it.
        options: how it is sent: forwarded, or in reply to something elsewhere.
    """

    name: str
    says: Content | None
    sees: Lines | Never
    then: Act | None = None
    but: Mapping[Where, Lines | Never] = field(default_factory=dict)
    first: str = ""
    opens: bool = False
    is_closed: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)

    def expected(self, column: Column) -> Lines | Never:
        """What is seen in one cell."""
        where: tuple[Where, ...] = (column, *column)
        return next((self.but[at] for at in where if at in self.but), self.sees)


TO_OPERATOR, TO_CLIENT = Direction
BEFORE, AFTER, TRANSFERRED, RESTARTED = Moment
HANDED_ON = (TO_CLIENT, TRANSFERRED)  # what Anna wrote, after Boris got the request

OLD, NEW = b"old", b"new"
FRIDAY = "We come on Friday at ten"
ON_FRIDAY = f"text: {FRIDAY}"
SAID_BEFORE = f"talk: Anna → client: {FRIDAY}"  # what Boris reads of it, who took over
PETRA = {"forward_origin": {"type": "hidden_user", "date": 5, "sender_user_name": "Petra"}}
LAMPS = {"id": -1001, "type": "channel", "title": "Lamps", "username": "lamps"}
POST = {"origin": {"type": "channel", "chat": LAMPS, "message_id": 7, "date": 5}, "chat": LAMPS, "message_id": 7}
IN_REPLY = "💬 In reply to: text · Lamps @lamps · https://t.me/lamps/7"
ABOUT_A_POST = {"parts": {"external_reply": POST, "quote": {"text": "3 bulbs", "position": 0}}}
NO_CLIENT_FIRST: Mapping[Where, Lines | Never] = {TO_CLIENT: Never("a request begins with its client")}
ALBUM = album(photo(OLD, caption="all of it"), photo(), video())
NO_COMMAND = "» This starts with a slash, so it was treated as a command and not sent. /help lists all commands."
EDITED_SINCE = "↳“fifteen” text: ✏️ #n: the client edited this after it was closed"


def named(kind: str, *words: str) -> str:
    """What an operator reads of what no bot can copy."""
    first = f"text: ⚠️ #n: the client sent something that Telegram doesn't let bots copy: {kind}."
    return "\n".join([first, *words])


def refused(kind: str) -> Mapping[Where, Lines]:
    """What an operator is told who sends it."""
    return {TO_CLIENT: [f"» Telegram doesn't let bots forward this ({kind}). Please send it in another form."]}


def not_theirs(*left: str, times: int = 1) -> Mapping[Where, Lines]:
    """An operator who handed the request on changes nothing at the client any more, and is told so."""
    return {HANDED_ON: [*left, *["» #n is with Boris."] * times]}


def taken_back(kind: str) -> Mapping[Where, Lines]:
    """What is seen where something can be done about a deletion."""
    return {
        (TO_OPERATOR, BEFORE): [
            f"text: 🗑 #n: a message ({kind}) was deleted by its author before it could be forwarded."
        ],
        (TO_CLIENT, BEFORE): ["» Taken back before it was sent to #n."],
        TO_CLIENT: ["» Taken back: the bot asks Telegram to delete it in the chat of #n."],
    }


# fmt: off
KINDS = [
    Row("text", text("How much?"), ["text: How much?"]),
    Row("formatting", text("<b>Two</b> <i>red</i>", parse_mode="HTML"), ["text: Two red {bold, italic}"]),
    Row("photo", photo(caption="the receipt"), ["photo: the receipt"]),
    Row("photo without words", photo(), ["photo"]),
    Row("video", video(caption="how it rattles"), ["video: how it rattles"]),
    Row("animation", animation(), ["animation"]),
    Row("music", audio(title="a song"), ["audio"]),
    Row("voice", voice(), ["voice"]),
    Row("round video", video_note(), ["video_note"]),
    Row("file", document(caption="the contract"), ["document: the contract"]),
    Row("sticker", sticker(), ["sticker"]),
    Row("location", location(1.5, 2.5), ["location: 1.5, 2.5"]),
    Row("place", venue("Office"), ["venue: Office"]),
    Row("phone contact", contact("+79990000002", "Pavel"), ["contact: +79990000002 Pavel"]),
    Row("dice", dice(value=4), ["dice: 🎲 4"]),
    Row("album", ALBUM, ["photo(old): all of it", "photo", "video"], but={
        TO_OPERATOR: ["↳nothing photo(old): all of it", "↳nothing photo", "↳nothing video"]}),
    Row("text of a Premium account", text("x" * 5000), ["text: xxxxxxxxxx… (5000)"]),
    Row("caption of a Premium account", photo(caption="y" * 2000), ["photo: yyyyyyyyyy… (2000)"]),
    Row("poll", poll("Which colour?", "red", "blue"), ["poll: Which colour?",
        "↳“poll” text: 📊 The client doesn't see votes here. Please answer in words."], but={
        TO_CLIENT: ["» This poll was not sent: the client's vote would not reach you. Please ask in words."]}),
    Row("quiz", quiz("Two and two?", "four", "five"), [named("poll", "Two and two?", "• four", "• five")],
        but=refused("poll")),
    Row("paid media", paid_media(caption="For you"), [named("paid media", "For you")], but=refused("paid media")),
    Row("giveaway", giveaway(prize="A bike"), [named("giveaway", "A bike")], but=refused("giveaway")),
    Row("story", story(), [named("story")], but=refused("story")),
    Row("checklist", checklist("Shopping", "milk"), [named("checklist", "Shopping", "• milk")],
        but=refused("checklist")),
    Row("game", game("Chess", "A classic"), [named("game", "Chess", "A classic")], but=refused("game")),
    Row("forwarded text", text("Pay 500"), ["text: ↪️ Forwarded from Petra\nPay 500"], options=PETRA, but={
        TO_CLIENT: ["text: Pay 500"]}),  # whom an operator quotes is none of a client's business
    Row("forwarded sticker", sticker(), ["sticker", "↳“sticker” text: ↪️ Forwarded from Petra"], options=PETRA, but={
        TO_CLIENT: ["sticker"]}),
    Row("reply to a post elsewhere", text("How much?"), [f"text: {IN_REPLY}\n❝ 3 bulbs ❞\nHow much? {{mention, url}}"],
        options=ABOUT_A_POST, but={TO_CLIENT: ["text: How much?"]}),
    Row("first text", text("How much?"), ["card: How much?"], opens=True, but=NO_CLIENT_FIRST),
    Row("first photo", photo(caption="this one"), ["card: [photo]", "photo: this one"], opens=True,
        but=NO_CLIENT_FIRST),
]

EDITS = [
    Row("words edited", text("fifty"), ["text: fifteen"], edits("fourteen", "fifteen"),
        but=not_theirs("text: fifty", times=2)),
    Row("formatting edited", text("fifty"), ["text: fifty {bold}"], edits(text("<b>fifty</b>", parse_mode="HTML")),
        but=not_theirs("text: fifty")),
    Row("caption edited", photo(caption="left"), ["photo: right"], edits("right"), but=not_theirs("photo: left")),
    Row("words of a voice message edited", voice(caption="left"), ["voice: right"], edits("right"),
        but=not_theirs("voice: left")),
    Row("caption taken away", photo(caption="left"), ["photo"], edits(""), but=not_theirs("photo: left")),
    Row("photo replaced", photo(OLD, caption="this"), ["photo(new): that"], edits(photo(NEW, caption="that")),
        but=not_theirs("photo(old): this")),
    Row("photo replaced by a video", photo(OLD), ["video(new): that"], edits(video(NEW, caption="that")),
        but=not_theirs("photo(old)")),
    Row("photo replaced by an animation", photo(OLD), ["animation(new)"], edits(animation(NEW)),
        but=not_theirs("photo(old)")),
    Row("file replaced by music", document(OLD), ["audio(new)"], edits(audio(NEW)), but=not_theirs("document(old)")),
    Row("photo replaced by a file", photo(OLD), ["document(new): that"], edits(document(NEW, caption="that")),
        but=not_theirs("photo(old)")),
    Row("text becomes a photo", text("See below"), ["photo(new): See below"], edits(photo(NEW, caption="See below")),
        but=not_theirs("text: See below")),
    # A bot cannot take a file away: the words come as a reply.
    Row("photo becomes a text", photo(OLD, caption="this"), ["photo(old): this", "↳“this” text: just words"],
        edits("just words", removes_media=True), but={BEFORE: ["text: just words"], **not_theirs("photo(old): this")}),
    Row("text edited beyond what a bot sends", text("short"), ["text: short", "↳“short” text: xxxxxxxxxx… (5000)"],
        edits("x" * 5000), but={BEFORE: ["text: xxxxxxxxxx… (5000)"], **not_theirs("text: short")}),
    Row("caption edited beyond what a bot sends", photo(caption="short"),
        ["photo: short", "↳“short” photo: yyyyyyyyyy… (2000)"], edits("y" * 2000), but={
        BEFORE: ["photo: yyyyyyyyyy… (2000)"], **not_theirs("photo: short")}),
    Row("part of an album replaced", ALBUM, ["photo(old): all of it", "photo(new): this", "video"],
        edits(photo(NEW, caption="this"), part=1), but={
        TO_OPERATOR: ["↳nothing photo(old): all of it", "↳nothing photo(new): this", "↳nothing video"],
        **not_theirs("photo(old): all of it", "photo", "video")}),
    # Where it moves by itself, nobody is told at every step that it is not passed on any more.
    Row("live location moves", location(1.5, 2.5, live_period=900), ["location: 3.5, 4.5, live"],
        edits(location(3.5, 4.5, live_period=900)), but=not_theirs("location: 1.5, 2.5, live", times=0)),
    Row("live location stops", location(1.5, 2.5, live_period=900), ["location: 3.5, 4.5"],
        edits(location(3.5, 4.5)), but=not_theirs("location: 1.5, 2.5, live", times=0)),
    Row("live location moves and stops", location(1.5, 2.5, live_period=900), ["location: 5.5, 6.5"],
        edits(location(3.5, 4.5, live_period=900), location(5.5, 6.5)),
        but=not_theirs("location: 1.5, 2.5, live", times=0)),
    Row("command corrected", text("/pirce 5"), ["text: the price is 5"], edits("the price is 5"), but={
        TO_CLIENT: ["text: the price is 5", NO_COMMAND], HANDED_ON: [NO_COMMAND, "» #n is with Boris."]}),
    Row("sticker, place, dice or poll edited", sticker(), Never("Telegram lets nobody edit these")),
    Row("edited after closing", text("fifty"), ["text: fifteen", EDITED_SINCE], edits("fifteen"), is_closed=True, but={
        # What waits when a request is closed is counted in a line.
        (TO_OPERATOR, BEFORE): ["↳nothing text: … and 1 more message in #n: /history #n {bot_command}"],
        TO_CLIENT: ["text: fifty", "» #n is closed."],
        # Telegram copies a message as it stands by then.
        (TO_CLIENT, BEFORE): ["text: fifteen"]}),
    Row("first text edited", text("fifty"), ["card: fifteen"], edits("fifteen"), opens=True, but=NO_CLIENT_FIRST),
    Row("first text becomes a photo", text("this"), ["card: [photo]", "photo(new): that"],
        edits(photo(NEW, caption="that")), opens=True, but=NO_CLIENT_FIRST),
]

ABOUT_OTHERS = [
    Row("reply", None, [f"↳“{FRIDAY}” text: Too late"], replies("Too late"), first=FRIDAY, but={
        (TO_OPERATOR, TRANSFERRED): [SAID_BEFORE, "↳talk text: Too late"]}),
    Row("reply to own words", text("I am away"), ["text: I am away", "↳“I am away” text: until Monday"],
        replies("until Monday", to_own=True), but=not_theirs("text: I am away")),
    Row("quote", None, [f"↳“{FRIDAY}” ❝on Friday❞ text: Too late"], replies("Too late", quote="on Friday"),
        first=FRIDAY, but={(TO_OPERATOR, TRANSFERRED): [SAID_BEFORE, "↳talk ❝on Friday❞ text: Too late"]}),
    Row("quote of own words", text("I am away"), ["text: I am away", "↳“I am away” ❝away❞ text: until Monday"],
        replies("until Monday", to_own=True, quote="away"), but=not_theirs("text: I am away")),
    Row("invalid quote", None, [f"↳“{FRIDAY}” text: Too late"], replies("Too late", quote="never said"),
        first=FRIDAY, but={(TO_OPERATOR, TRANSFERRED): [SAID_BEFORE, "↳talk text: Too late"]}),
    Row("reaction", None, [f"{ON_FRIDAY} [👍]"], reacts("👍"), first=FRIDAY, but={
        # Boris reads it among other words, of which a reaction would say nothing.
        (TO_OPERATOR, TRANSFERRED): [SAID_BEFORE]}),
    Row("reaction changed", None, [f"{ON_FRIDAY} [🔥]"], reacts("👍", "🔥"), first=FRIDAY, but={
        (TO_OPERATOR, TRANSFERRED): [SAID_BEFORE]}),
    Row("reaction taken back", None, [], reacts("👍", None), first=FRIDAY, but={
        (TO_OPERATOR, TRANSFERRED): [SAID_BEFORE]}),
    # What clients delete no bot hears of; what is gone before it was copied is named.
    Row("text deleted", text("Forget it"), ["text: Forget it"], deletes, but=taken_back("text")),
    Row("photo deleted", photo(caption="Forget it"), ["photo: Forget it"], deletes, but=taken_back("photo")),
]
# fmt: on

ROWS = [*KINDS, *EDITS, *ABOUT_OTHERS]
