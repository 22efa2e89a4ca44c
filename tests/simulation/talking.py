"""What people do with messages that are there: edit, quote, react to, take back and delete them, move on a map."""

import re
from typing import TYPE_CHECKING, Any

from bot.sandbox.actions import acting
from bot.sandbox.world import content
from bot.sandbox.world.chats import PrivateChat, StoredMessage
from bot.sandbox.world.state import World
from tests.simulation.prepared import BOT_IDS, OPERATOR_ACCOUNTS

if TYPE_CHECKING:
    from tests.simulation.history import History

EDITED = re.compile(r" \(edited.*\)$")
EMOJI = ("👍", "🔥", None)
LIVE_FOR = 900  # seconds


class Talking:
    """One side may be a client, by their number, or an operator: then `is_operator`."""

    history: "History"
    world: World
    _said: int

    def revise(self, person: int, is_operator: bool, which: int, how: str) -> None:
        """Somebody edits a message of theirs.

        Args:
            how: `words`, `bold`, `photo` (in place of a text or a photo) or `move` (where a live location is).
        """
        account = self._account(person, is_operator)
        own = [one for one in self._written_by(account) if one.kind in _FOR[how] and _can_move(one)]
        if not own:
            return
        chosen = own[-1 - which % len(own)]
        self._said += 1
        before = EDITED.sub("", str(chosen.json.get("text", chosen.json.get("caption", ""))))
        words = f"{before} (edited {self._said})"
        match how:
            case "bold":
                new = content.text(words, entities=[{"type": "bold", "offset": 0, "length": 4}])
            case "photo":
                new = content.photo(str(self._said).encode(), caption=words)
            case "move":
                new = content.location(2.0, float(self._said), live_period=LIVE_FOR)
            case _:
                new = content.text(words)
        acting.edit(self.world, person=account, place=BOT_IDS[0], message_id=chosen.id, content=new.wire())

    def quote(self, person: int, is_operator: bool, which: int) -> None:
        """Somebody replies to some words of what the other side wrote."""
        account = self._account(person, is_operator)
        shown = [one for one in self._chat_of(account).messages.values() if self._can_be_quoted(one, is_operator)]
        if not shown:
            return
        chosen = shown[-1 - which % len(shown)]
        client = self.history.client_shown(chosen) if is_operator else account
        self._said += 1
        said = content.text(f"answer {self._said} for {client}" if is_operator else f"word {self._said} of {account}")
        parts = {"quote": {"text": chosen.json["text"].split()[0], "position": 0, "is_manual": True}}
        acting.send(self.world, person=account, place=BOT_IDS[0], content=said.wire(), reply_to=chosen.id, parts=parts)

    def _can_be_quoted(self, one: StoredMessage, is_operator: bool) -> bool:
        """Of the bot's own words, cards alone can be answered; what is quoted of others comes as a text, no copy."""
        text = str(one.json.get("text", ""))
        is_of_client = one.copied_from is not None
        if is_operator:  # an overview shows what clients wrote, too, but is of no request
            is_of_client = (is_of_client or text.startswith("#")) and self.history.client_shown(one) is not None
        return one.request_id is not None and bool(text) and is_of_client

    def react(self, person: int, is_operator: bool, which: int, emoji: str | None) -> None:
        """Somebody sets a reaction on what came from the other side, or takes it back."""
        account = self._account(person, is_operator)
        shown = [one for one in self._chat_of(account).messages.values() if one.copied_from is not None]
        if shown:
            chosen = shown[-1 - which % len(shown)]
            acting.react(self.world, person=account, place=BOT_IDS[0], message_id=chosen.id, emoji=emoji)

    def take_back(self, operator: int, which: int) -> None:
        """An operator replies with /del to a message of theirs."""
        account = OPERATOR_ACCOUNTS[operator]
        own = [one for one in self._written_by(account) if not one.json.get("text", "").startswith("/")]
        if own:
            said, chosen = content.text("/del").wire(), own[-1 - which % len(own)]
            acting.send(self.world, person=account, place=BOT_IDS[0], content=said, reply_to=chosen.id)

    def share_place(self, client: int) -> None:
        """A client shares where they are, for as long as they move."""
        self._said += 1
        where = content.location(1.0, float(self._said), live_period=LIVE_FOR).wire()
        acting.send(self.world, person=self.history.clients[client], place=BOT_IDS[0], content=where)

    def _account(self, person: int, is_operator: bool) -> int:
        return OPERATOR_ACCOUNTS[person] if is_operator else self.history.clients[person]

    def _chat_of(self, account: int) -> PrivateChat:
        return self.world.dialogue(BOT_IDS[0], account)

    def _written_by(self, account: int) -> list[StoredMessage]:
        """What somebody has written in their chat, commands of operators aside."""
        every: list[StoredMessage] = list(self._chat_of(account).messages.values())
        return [one for one in every if _sender(one.json) == account and not one.json.get("text", "").startswith("/")]


_FOR = {
    "words": frozenset({"text", "photo"}),
    "bold": frozenset({"text"}),
    "photo": frozenset({"text", "photo"}),
    "move": frozenset({"location"}),
}


def _can_move(one: StoredMessage) -> bool:
    return one.kind != "location" or "live_period" in one.json["location"]


def _sender(message: dict[str, Any]) -> int:
    return int(message.get("from", {}).get("id", 0))
