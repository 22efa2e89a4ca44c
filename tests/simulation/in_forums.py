"""What people do in groups that are forums of sources, and what happens to these groups."""

from typing import TYPE_CHECKING, Any

from bot.sandbox.actions import acting, control_actions
from bot.sandbox.world import content
from bot.sandbox.world.chats import Group, StoredMessage
from bot.sandbox.world.faults import Fault
from bot.sandbox.world.state import World
from crm_core.access.actors import SYSTEM
from crm_core.routing import forum_settings
from tests.simulation.prepared import ADMIN, BOT_IDS, OPERATOR_ACCOUNTS

if TYPE_CHECKING:
    from tests.simulation.history import History

Json = dict[str, Any]
GROUPS = 2
SLIP = "/ "  # before words: so they look like a command, and are refused


class InForums:
    """Acts in the groups of one history; they are made when the first of them becomes a forum."""

    history: "History"
    world: World
    _said: int
    deleted_cards: set[int]

    def bind_forum(self, bot: int, group: int) -> None:
        """An admin makes a group the forum of a source; the first bot writes there, whatever bot the source has."""
        forum = {"chat_id": self._group(group).id, "bot_id": BOT_IDS[0], "language": "en"}
        self._set_forum(bot, forum)

    def end_forum(self, bot: int) -> None:
        """An admin switches the forum of a source off."""
        self._set_forum(bot, None)

    def say_in_forum(self, operator: int, which: int, kind: str) -> None:
        """An operator writes in the topic of a request, whoever has it."""
        known = self._topics()
        if not known:
            return
        group, topic, contact_id = known[which % len(known)]
        self._said += 1
        words = f"forum {self._said} by {operator + 1} in #{contact_id}"
        match kind:
            case "photo":
                said = content.photo(caption=words)
            case "album":
                said = content.album(content.photo(caption=words), content.photo())
            case "slip":
                said = content.text(f"{SLIP}{words}")
            case _:
                said = content.text(words)
        account = OPERATOR_ACCOUNTS[operator]
        sent = acting.send(self.world, person=account, place=group.id, content=said.wire(), thread=topic)
        if kind == "slip":
            self.history.slips.add((group.id, sent[0]["message"]["message_id"]))

    def revise_in_forum(self, operator: int, which: int, kind: str) -> None:
        """An operator edits words of theirs in a forum; what looked like a command does not any more."""
        own = [one for one in self._written_in_forums(operator) if one[1].kind == "text"]
        if own:
            group, chosen = own[-1 - which % len(own)]
            words = chosen.json["text"].removeprefix(SLIP).removesuffix(" (edited)") + " (edited)"
            place: Json = {"person": OPERATOR_ACCOUNTS[operator], "place": group.id}
            acting.edit(self.world, **place, message_id=chosen.id, content=content.text(words).wire())

    def take_back_in_forum(self, operator: int, which: int, kind: str) -> None:
        """An operator replies with /del to words of theirs in a forum."""
        own = self._written_in_forums(operator)
        if own:
            group, chosen = own[-1 - which % len(own)]
            acting.send(
                self.world,
                person=OPERATOR_ACCOUNTS[operator],
                place=group.id,
                content=content.text("/del").wire(),
                reply_to=chosen.id,
                thread=chosen.json["message_thread_id"],
            )

    def react_in_forum(self, operator: int, which: int, emoji: str | None) -> None:
        """An operator sets a reaction on a message of a topic, or takes it back."""
        account = OPERATOR_ACCOUNTS[operator]
        every = [
            (group, one)
            for group in self.history.forums
            for one in group.messages.values()
            if one.kind != "service" and one.json.get("message_thread_id") in group.topics
        ]
        if every:
            group, chosen = every[-1 - which % len(every)]
            acting.react(self.world, person=account, place=group.id, message_id=chosen.id, emoji=emoji)
            if emoji is not None:
                self.history.reactions_in_forums.setdefault(account, set()).add(emoji)

    def delete_topic(self, which: int) -> None:
        """Somebody deletes a topic of a forum, with all that is in it."""
        known = self._topics()
        if known:
            group, topic, _contact = known[which % len(known)]
            acting.delete_topic(self.world, person=ADMIN, place=group.id, topic=topic)
            self.history.deleted_topics.add((group.id, topic))

    def change_rights(self, group: int, status: str) -> None:
        """The bot is made a member, removed, or made an admin again."""
        control_actions.set_member(self.world, group=self._group(group).id, user=BOT_IDS[0], status=status)

    def upgrade_forum(self, group: int) -> None:
        """Telegram answers once that the group has become another one."""
        chat_id = self._group(group).id
        text, parameters = "Bad Request: group chat was upgraded to a supergroup chat", {"migrate_to_chat_id": -1}
        self.world.faults.add(Fault("error", chat_id=chat_id, times=1, text=text, parameters=parameters))

    def fault_in_forum(self, fault: Json, method: str | None, group: int | None, times: int) -> None:
        """Telegram fails at a call about a forum; or, of no group, at such a call about any chat."""
        if group is None and method is None:
            return
        chat_id = None if group is None else self._group(group).id
        self.world.faults.add(Fault(**fault, method=method, chat_id=chat_id, times=times))

    def switch_topics(self, operator: int) -> None:
        """An operator wants topics in their own chat, or no longer."""
        self.world.bot(BOT_IDS[0]).has_topics = True
        place: Json = {"person": OPERATOR_ACCOUNTS[operator], "place": BOT_IDS[0]}
        acting.send(self.world, **place, content=content.text("/topics").wire())

    def delete_own_topic(self, operator: int, which: int) -> None:
        """An operator deletes a topic of their own chat, with all that is in it."""
        account = OPERATOR_ACCOUNTS[operator]
        known = list(self.world.dialogue(BOT_IDS[0], account).topics)
        if known:
            before = self.world.transcript.entries[-1].seq
            acting.delete_topic(self.world, person=account, place=BOT_IDS[0], topic=known[which % len(known)])
            self.deleted_cards.add(account)
            now_there = self.world.transcript.entries
            self.history.deleted_by_readers.update(one.seq for one in now_there if one.seq > before)

    # --- which -------------------------------------------------------------------------------------------------------

    def _group(self, number: int) -> Group:
        while len(self.history.forums) < GROUPS:
            title, people = f"Team {len(self.history.forums)}", [ADMIN, *OPERATOR_ACCOUNTS]
            made = control_actions.add_group(
                self.world, title=title, people=people, bots=[BOT_IDS[0]], forum=True, supergroup=True, admins=True
            )
            self.history.forums.append(self.world.group(made["id"]))
        return self.history.forums[number]

    def _set_forum(self, bot: int, forum: Json | None) -> None:
        now = self.history.clock()
        self._administer(forum_settings.set_forum, source_id=self._source(bot), forum=forum, actor=SYSTEM, now=now)

    def _topics(self) -> list[tuple[Group, int, int]]:
        """The topics of requests that there are: the group, the topic, the contact."""
        rows = self.history.ask("SELECT chat_id, topic_id, contact_id FROM forum_topics ORDER BY chat_id, topic_id")
        groups = {one.id: one for one in self.history.forums}
        return [
            (groups[chat_id], topic_id, contact_id)
            for chat_id, topic_id, contact_id in rows
            if topic_id in groups[chat_id].topics
        ]

    def _written_in_forums(self, operator: int) -> list[tuple[Group, StoredMessage]]:
        """What somebody has written in topics, commands aside."""
        account = OPERATOR_ACCOUNTS[operator]
        return [
            (group, one)
            for group in self.history.forums
            for one in group.messages.values()
            if one.json.get("from", {}).get("id") == account
            and one.kind in ("text", "photo")
            and not one.json.get("text", "").startswith("/del")
        ]

    def _administer(self, action: Any, **inputs: Any) -> None:
        raise NotImplementedError

    def _source(self, bot: int) -> int:
        raise NotImplementedError
